"""Causes that the message of a push shows. Its query string was signed correctly."""

from __future__ import annotations

from dataclasses import replace

from django.utils.translation import gettext as _

from verification.diagnosis.evidence import Evidence, Explanation
from verification.diagnosis.names import join_sentences
from verification.protocol.enums import Reason

#: The detail of an encrypted message that was made for another AppID: it follows this word.
FOREIGN_RECEIVER = "receive_id"
#: The details of a msg_signature that is the same as signature, and of one that did not arrive.
COPIED, MISSING = "copied", "missing"


def message_unreadable(evidence: Evidence) -> Explanation | None:
    """Recognize a body that is no message, or has a DTD, which no backend should read."""
    attempt = evidence.attempt
    if attempt.detail != "body" or not evidence.is_refused_for(
        Reason.MALFORMED_PARAMETER, Reason.UNDECRYPTABLE_MESSAGE
    ):
        return None
    to_do = _(
        "If WeChat itself sent it, check whether a proxy in front of this server changes or cuts "
        "bodies. If it was a script or tool of yours, let it send such a body; the token is right."
    )
    return _explain(
        evidence,
        _("unreadable message"),
        _(
            "The query string was signed correctly, but the body was not a message as WeChat sends "
            "it: XML without a DTD, or JSON, in UTF-8, of at most 1 MB. It was not forwarded."
        ),
        join_sentences(
            to_do,
            _(
                "If neither is so, somebody may have copied the address of a push: choose "
                "the security mode (安全模式), whose signature covers the message, and rotate the "
                "token."
            ),
        ),
    )


def message_not_encrypted(evidence: Evidence) -> Explanation | None:
    if evidence.attempt.detail != "plain" or not evidence.is_refused_for(
        Reason.MESSAGE_SIGNATURE_MISMATCH
    ):
        return None
    return _explain(
        evidence,
        _("message not encrypted"),
        _(
            "The message was not encrypted, although WeChat encrypts the messages of “{account}”. "
            "Nothing signs such a message, so anyone who has seen the address of a push could have "
            "sent it."
        ).format(account=evidence.name),
        _(
            "If you have switched WeChat's console to the plain mode (明文模式), retire the "
            "EncodingAESKey on the account's page. If a script or tool of yours sent it, let it "
            "encrypt messages as WeChat does. If neither is so, somebody has copied the address of "
            "a push: rotate the token if this goes on."
        ),
    )


def message_signature_mismatch(evidence: Evidence) -> Explanation | None:
    if not evidence.is_refused_for(Reason.MESSAGE_SIGNATURE_MISMATCH):
        return None
    happened = {
        COPIED: _(
            "The query string was signed correctly, but msg_signature is the same as signature: it "
            "was made without the text of Encrypt."
        ),
        MISSING: _(
            "The query string was signed correctly, but the encrypted message came without "
            "msg_signature, or with one that is not 40 digits and letters from a to f."
        ),
    }.get(
        evidence.attempt.detail,
        _(
            "The query string was signed correctly, but msg_signature does not belong to the "
            "encrypted message. Either of them was changed on the way, or was never right."
        ),
    )
    return _explain(
        evidence,
        _("message with a wrong signature"),
        happened,
        _(
            "If a script or tool of yours sent it: msg_signature is the SHA-1 of token, timestamp, "
            "nonce and the text of Encrypt, sorted and joined. If WeChat sent it, check whether a "
            "proxy in front of this server changes bodies or query strings. If neither is so, "
            "somebody has copied the address of a push: rotate the token if this goes on."
        ),
    )


def message_for_another_app_id(evidence: Evidence) -> Explanation | None:
    word, _blank, app_id = evidence.attempt.detail.partition(" ")
    if word != FOREIGN_RECEIVER or not evidence.is_refused_for(Reason.UNDECRYPTABLE_MESSAGE):
        return None
    account = evidence.attempt.account
    happened = _("The message was decrypted, but it does not end with the AppID {own}.")
    to_do = _(
        "If a script or tool of yours sent it, it must put {own} at the end of what it encrypts. "
        "If WeChat sent it, and this account has another AppID, correct it on the account's page; "
        "otherwise another account has the same token and EncodingAESKey: give each its own."
    )
    if app_id:
        happened = _("The message was decrypted, but it is for the AppID {other}, not for {own}.")
    meant = next((one for one in evidence.stored.accounts.values() if app_id == one.app_id), None)
    if app_id and meant is not None:
        happened = _(
            "The message was decrypted, but it is for the AppID {other} of “{meant}”, not for "
            "{own}."
        )
        to_do = _(
            "Put the server URL of “{meant}” into its console, or into the script that sent this: "
            "{url}. Then give each account its own token and EncodingAESKey."
        )
    explanation = _explain(
        evidence,
        _("message for another AppID"),
        happened.format(other=app_id, own=account.app_id if account else "", meant=meant),
        to_do.format(
            own=account.app_id if account else "",
            meant=meant,
            url=meant.server_url if meant else "",
        ),
    )
    others = (meant,) if app_id and meant is not None else ()
    return replace(explanation, accounts=(*explanation.accounts, *others))


def message_undecryptable(evidence: Evidence) -> Explanation | None:
    if not evidence.is_refused_for(Reason.UNDECRYPTABLE_MESSAGE):
        return None
    happened = _(
        "The message could not be decrypted with the EncodingAESKey of “{account}” that is stored "
        "here, although it has decrypted messages before. Its msg_signature was right."
    )
    return _explain(
        evidence,
        _("message that cannot be decrypted"),
        happened.format(account=evidence.name),
        _(
            "If the key was changed in WeChat's console, enter the new one on the account's page. "
            "The old one stays valid until WeChat has used the new one. If a script or tool of "
            "yours sent it, compare its EncodingAESKey, and how it encrypts: with AES-256 in CBC "
            "mode; the key is decoded from base64 after adding “=”, and its first 16 bytes are the "
            "IV; the AppID and the padding (PKCS#7, to 32 bytes) are at the end."
        ),
    )


def _explain(evidence: Evidence, summary: str, what_happened: str, what_to_do: str) -> Explanation:
    account = evidence.attempt.account
    return Explanation(summary, what_happened, what_to_do, (account,) if account else ())
