"""Causes of WeCom's URL verifications that the encrypted echostr shows.

EncodingAESKeys are tried with the echostr on record, which is encrypted. What it holds is neither
shown nor kept. A key counts only if it decrypts a whole echostr for an ID that is stored here, so
that nobody can find out a part of another text by changing it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.utils import timezone
from django.utils.translation import gettext as _

from verification.diagnosis.advice import button_of, try_again
from verification.diagnosis.evidence import Evidence, Explanation
from verification.diagnosis.missing_keys import put_key_back
from verification.diagnosis.names import name_accounts
from verification.models import AESKey, OfficialAccount
from verification.protocol.callback import PATTERNS
from verification.protocol.encryption import (
    BODY,
    KEY_LOST,
    NO_KEY,
    Problem,
    UndecryptableMessage,
    decode_aes_key,
    decrypt_message,
)
from verification.protocol.enums import Reason
from verification.times import format_date


def _undecrypted(evidence: Evidence) -> OfficialAccount | None:
    """Return the account whose keys did not decrypt the echostr, whose signature was right."""
    is_refused = evidence.is_refused_for(Reason.UNDECRYPTABLE_MESSAGE) and not evidence.is_push
    return evidence.attempt.account if is_refused else None


def echostr_fits_now(evidence: Evidence) -> Explanation | None:
    """Recognize that the account has since been given the right key or ID."""
    account = _undecrypted(evidence)
    if account is None:
        return None
    live = (pair for pair in _own_keys(evidence, account) if pair[0].is_live_at(timezone.now()))
    if not _find_keys(live, evidence.attempt.echostr, account.receive_ids):
        return None
    return Explanation(
        _("can be decrypted now"),
        _(
            "This could not be decrypted then. With the EncodingAESKey and the ID that “{account}” "
            "has now, it can."
        ).format(account=account),
        try_again(evidence),
        (account,),
        depends_on_tokens=True,
    )


def echostr_without_key(evidence: Evidence) -> Explanation | None:
    account = _undecrypted(evidence)
    if account is None or evidence.attempt.detail != NO_KEY:
        return None
    has_key = any(key.is_current for key, _text in _own_keys(evidence, account))
    if has_key and account.app_id:
        return None
    to_do = _("Enter the CorpID (企业ID) on the account's page, then press {button} again.")
    if not has_key:
        to_do = _(
            "Enter the console's EncodingAESKey on the account's page, then press {button} again."
        )
    if not has_key and not account.app_id:
        to_do = _(
            "Enter the CorpID (企业ID) and the console's EncodingAESKey on the account's page, "
            "then press {button} again."
        )
    return Explanation(
        _("no EncodingAESKey or CorpID yet"),
        _(
            "The token was right, but “{account}” had no EncodingAESKey or no CorpID. Without "
            "both, this server cannot answer WeCom's check."
        ).format(account=account),
        to_do.format(button=button_of(evidence)),
        (account,),
    )


def echostr_key_missing(evidence: Evidence) -> Explanation | None:
    """Recognize that the account's EncodingAESKey cannot be decrypted itself."""
    account = _undecrypted(evidence)
    if account is None or evidence.attempt.detail != KEY_LOST:
        return None
    if any(key.is_current for key, _text in _own_keys(evidence, account)):
        return None
    return Explanation(
        _("encryption key missing"),
        _(
            "This server cannot decrypt the EncodingAESKey of “{account}”, because "
            "TOKEN_ENCRYPTION_KEYS lacks the key that encrypted it. The request may be right."
        ).format(account=account),
        put_key_back(),
        (account,),
    )


def echostr_of_another_key(evidence: Evidence) -> Explanation | None:
    """Recognize the EncodingAESKey of another account, or a retired one of this account."""
    account = _undecrypted(evidence)
    if account is None or not evidence.is_signed:
        return None
    stored = evidence.stored
    ids = dict.fromkeys(one for some in stored.accounts.values() for one in some.receive_ids)
    now = timezone.now()
    others = [
        pair
        for pair in stored.aes_keys
        if pair[0].account_id != account.pk or not pair[0].is_live_at(now)
    ]
    keys = _find_keys(others, evidence.attempt.echostr, [*ids])
    if not keys:
        return None
    owners = sorted({key.account for key in keys}, key=str)
    happened = _("This was encrypted with the EncodingAESKey of {owners}.")
    to_do = _(
        "Copy the current EncodingAESKey of “{account}” from the account page into the console, "
        "and press {button}. If {owners} was meant, use its server URL, token and EncodingAESKey."
    )
    own = next((key for key in keys if key.account_id == account.pk), None)
    if own is not None:
        owners = [account]
        happened = _("This was encrypted with an EncodingAESKey of “{account}” that has ended.")
        if own.expires_at:
            happened = _(
                "This was encrypted with the EncodingAESKey of “{account}” that was retired on "
                "{date}."
            )
        to_do = _(
            "Copy the current EncodingAESKey of “{account}” from the account page into the "
            "console, and press {button}."
        )
    date = format_date(own.expires_at) if own and own.expires_at else ""
    names = name_accounts(owners)
    return Explanation(
        _("EncodingAESKey of {owners}").format(owners=names),
        happened.format(owners=names, account=account, date=date),
        to_do.format(owners=names, account=account, button=button_of(evidence)),
        (account, *(one for one in owners if one != account)),
        depends_on_tokens=True,
    )


def echostr_undecryptable(evidence: Evidence) -> Explanation | None:
    account = _undecrypted(evidence)
    if account is None:
        return None
    in_script = _(
        "WeCom sends no such echostr: correct the script or tool that sent it. It must encrypt the "
        "text with AES-256 in CBC mode, with the CorpID and the padding (PKCS#7, to 32 bytes) at "
        "the end, and encode it as base64."
    )
    happened, to_do = {
        Problem.BASE64.value: (
            _("The token was right, but the echostr is not base64, so nothing can decrypt it."),
            in_script,
        ),
        Problem.LENGTH.value: (
            _(
                "The token was right, but the echostr is too short, or was cut before it was "
                "signed."
            ),
            in_script,
        ),
        BODY: (
            _("The token and the EncodingAESKey were right, but what was encrypted is no echostr."),
            in_script,
        ),
    }.get(
        evidence.attempt.detail,
        (
            _(
                "The token was right, but no EncodingAESKey that is stored here decrypts the "
                "echostr, neither that of “{account}” nor that of another account."
            ),
            _(
                "Copy the EncodingAESKey from the page of “{account}” into the console, all 43 "
                "characters, or enter the console's on that page. Then press {button} again."
            ),
        ),
    )
    return Explanation(
        _("echostr that cannot be decrypted"),
        happened.format(account=account),
        to_do.format(account=account, button=button_of(evidence)),
        (account,),
        depends_on_tokens=True,
    )


def _own_keys(evidence: Evidence, account: OfficialAccount) -> list[tuple[AESKey, str]]:
    return [pair for pair in evidence.stored.aes_keys if pair[0].account_id == account.pk]


def _find_keys(
    keys: Iterable[tuple[AESKey, str]], echostr: str, receive_ids: Sequence[str]
) -> list[AESKey]:
    """Return the keys that decrypt the echostr for one of these IDs."""
    return [key for key, text in keys if _decrypts(text, echostr, receive_ids)]


def _decrypts(key: str, echostr: str, receive_ids: Sequence[str]) -> bool:
    try:
        plaintext = decrypt_message(decode_aes_key(key), echostr, *receive_ids)
    except UndecryptableMessage:
        return False
    return bool(PATTERNS["echostr"].fullmatch(plaintext))
