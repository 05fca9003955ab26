"""Causes that the message of a push shows. Its query string was signed correctly."""

from __future__ import annotations

from django.utils.translation import gettext as _

from verification.diagnosis.advice import button_of, caller_of, stranger_tried
from verification.diagnosis.evidence import Evidence, Explanation
from verification.diagnosis.names import join_sentences, name_accounts, name_id
from verification.protocol.encryption import BODY, COPIED, MISSING, PLAIN
from verification.protocol.enums import Reason


def message_unreadable(evidence: Evidence) -> Explanation | None:
    """Recognize a body that is no message, or has a DTD, which no backend should read."""
    attempt = evidence.attempt
    if attempt.detail != BODY or not evidence.is_refused_for(
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
            ""
            if evidence.is_wecom
            else _(
                "If neither is so, somebody may have copied the address of a push: choose "
                "the security mode (安全模式), whose signature covers the message, and rotate the "
                "token."
            ),
        ),
    )


def wecom_message_unreadable(evidence: Evidence) -> Explanation | None:
    """Recognize a body without an encrypted message, which msg_signature would cover."""
    if evidence.attempt.detail != BODY or not evidence.covers_message:
        return None
    if not evidence.is_refused_for(Reason.MALFORMED_PARAMETER):
        return None
    return _explain(
        evidence,
        _("unreadable message"),
        _(
            "The body was not a message as WeCom sends it: XML with Encrypt, without a DTD, in "
            "UTF-8, of at most 64 KB, and of 8 KB at the bare domain. Without Encrypt, "
            "msg_signature could not be checked."
        ),
        join_sentences(
            _(
                "If WeCom sent it, check whether a proxy in front of this server changes or cuts "
                "bodies. A bot (智能机器人) sends other bodies, and cannot be used with this "
                "server. If it was a script or tool of yours, let it send such a body."
            ),
            stranger_tried(),
        ),
    )


def wecom_message_mismatch(evidence: Evidence) -> Explanation | None:
    """Explain a msg_signature that no token made with the message, which is not on record."""
    if not evidence.covers_message or not evidence.is_refused_for(
        Reason.SIGNATURE_MISMATCH, Reason.UNDECRYPTABLE_TOKEN
    ):
        return None
    attempt = evidence.attempt
    signers = evidence.signers_of((attempt.timestamp, attempt.nonce))
    owners = sorted({token.account for token in signers}, key=str)
    happened = _describe_mismatch(evidence)
    if signers:
        happened = _(
            "The msg_signature was made with the token of {signers}, but without the text of "
            "Encrypt."
        ).format(signers=name_accounts(owners))
    to_do = _(
        "If messages stay away, press {button} in WeCom's console again: its check is compared "
        "with every stored token. If the console has the right token, a proxy in front of this "
        "server changes bodies or the query string."
    ).format(button=button_of(evidence))
    in_script = _(
        "If a script or tool of yours sent it: msg_signature is the SHA-1 of token, timestamp, "
        "nonce and the text of Encrypt, sorted and joined."
    )
    return _explain(
        evidence,
        _("message with a wrong signature"),
        happened,
        join_sentences("" if signers else to_do, in_script, stranger_tried()),
    )


def _describe_mismatch(evidence: Evidence) -> str:
    """Return which tokens the msg_signature was compared with, and why not with others."""
    if evidence.is_refused_for(Reason.UNDECRYPTABLE_TOKEN):
        return _(
            "The server that answered could not decrypt every token that may have made the "
            "msg_signature of this message. It covers the message, which is not on record, so the "
            "tokens cannot be compared now."
        )
    if not evidence.attempt.account:
        return _(
            "No token of a WeCom app that accepts calls at the bare domain made the msg_signature "
            "of this message. It covers the message, which is not on record, so this server cannot "
            "compare other tokens."
        )
    return _(
        "No token of “{account}” made the msg_signature of this message. It covers the message, "
        "which is not on record, so this server cannot compare other tokens."
    ).format(account=evidence.name)


def message_not_encrypted(evidence: Evidence) -> Explanation | None:
    if evidence.attempt.detail != PLAIN or not evidence.is_refused_for(
        Reason.MESSAGE_SIGNATURE_MISMATCH
    ):
        return None
    return _explain(
        evidence,
        _("message not marked as encrypted"),
        _(
            "The message came without encrypt_type=aes, as plain messages do, although WeChat "
            "encrypts the messages of “{account}”. Nothing signs a plain message, so anyone who "
            "has seen the address of a push could have sent it."
        ).format(account=evidence.name),
        _(
            "If WeChat sent it, encrypt_type and msg_signature may have been cut off on the way: "
            "check that proxies in front of this server pass on the whole query string. If you "
            "have switched WeChat's console to the plain mode (明文模式), retire the account's "
            "EncodingAESKey on its page. If a script or tool of yours sent it, let it encrypt "
            "messages as WeChat does, and send both parameters. If nothing of this is so, somebody "
            "has copied the address of a push: rotate the token if this goes on."
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
            "If the key was changed in the console, enter the new one on the account's page. The "
            "old one stays valid until {caller} has used the new one. If a script or tool of "
            "yours sent it, compare its EncodingAESKey, and how it encrypts: with AES-256 in CBC "
            "mode; the key is decoded from base64 after adding “=”, and its first 16 bytes are the "
            "IV; the {id_name} and the padding (PKCS#7, to 32 bytes) are at the end."
        ).format(caller=caller_of(evidence), id_name=name_id(is_wecom=evidence.is_wecom)),
    )


def _explain(evidence: Evidence, summary: str, what_happened: str, what_to_do: str) -> Explanation:
    account = evidence.attempt.account
    return Explanation(summary, what_happened, what_to_do, (account,) if account else ())
