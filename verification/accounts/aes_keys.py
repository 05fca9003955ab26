"""Gives accounts their EncodingAESKey."""

from __future__ import annotations

import secrets
from datetime import timedelta

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from verification.accounts.editing import save_changes
from verification.accounts.rotation import rotate
from verification.change_log import Actor
from verification.models import AESKey, OfficialAccount
from verification.models.account import ALPHABET
from verification.models.platform_ids import (
    APP_ID,
    APP_SECRET,
    CORP_ID,
    WECOM_SECRET,
    validate_app_id,
)
from verification.protocol.encryption import AES_KEY_PATTERN

# WeChat's console says: "消息加密密钥由43位字符组成，字符范围为A-Z，a-z，0-9".
KEY_LENGTH = 43
#: 43 characters of base64 are 258 bits, and the key has 256. Some libraries refuse a key whose last
#: two bits are not zero.
LAST_CHARACTERS = "AEMQUYcgksw48"


def generate_aes_key() -> str:
    """Return a random EncodingAESKey as WeChat's console generates it, without look-alikes."""
    characters = [secrets.choice(ALPHABET) for _ in range(KEY_LENGTH - 1)]
    return "".join([*characters, secrets.choice(LAST_CHARACTERS)])


def validate_aes_key(text: str) -> None:
    """Raise ValidationError unless WeChat's console would accept the text as EncodingAESKey."""
    if any(letter.isspace() for letter in text):
        raise ValidationError(_("The EncodingAESKey has a space or line break in it; remove it."))
    if text.endswith("=") and AES_KEY_PATTERN.fullmatch(text[:-1]):
        raise ValidationError(
            _("Leave out the “=” at the end: it is not part of the EncodingAESKey in the console.")
        )
    if APP_SECRET.fullmatch(text):
        raise ValidationError(
            _(
                "This looks like an AppSecret, which this server never needs. The EncodingAESKey "
                "(消息加解密密钥) is in the server configuration and has 43 characters."
            )
        )
    if len(text) <= 32:
        raise ValidationError(
            _(
                "This is too short, and may be a token. The EncodingAESKey (消息加解密密钥) has 43 "
                "letters and digits; this text has %(length)d."
            )
            % {"length": len(text)}
        )
    if WECOM_SECRET.fullmatch(text) and not AES_KEY_PATTERN.fullmatch(text):
        raise ValidationError(
            _(
                "This looks like a Secret of WeCom, which this server never needs. The "
                "EncodingAESKey is in the form with the URL and the token."
            )
        )
    if not AES_KEY_PATTERN.fullmatch(text):
        raise ValidationError(_("An EncodingAESKey has 43 letters and digits, nothing else."))


def needs_app_id(account: OfficialAccount) -> bool:
    """Return whether the account lacks the AppID or CorpID that its messages are compared with."""
    pattern = CORP_ID if account.is_wecom else APP_ID
    return pattern.fullmatch(account.app_id) is None


def rotate_aes_key(
    account: OfficialAccount,
    text: str,
    actor: Actor,
    *,
    app_id: str = "",
    keep_old: timedelta | None = None,
    replaces: int | None = None,
) -> AESKey:
    """Make `text` the current EncodingAESKey of `account`, as rotate() does.

    Each message ends in the account's AppID, or CorpID. `app_id` sets it; without one, the account
    must have one. Raises ValidationError.
    """
    validate_aes_key(text)
    with transaction.atomic():
        if app_id and app_id != account.app_id:
            validate_app_id(app_id, account.platform, account.suite_id)
            account.app_id = app_id
            save_changes(account, ["app_id"], actor)
        elif needs_app_id(account):
            raise ValidationError(
                _("Enter the %(id)s as well: each encrypted message is compared with it."),
                params={"id": account.id_name},
            )
        return rotate(AESKey, account, text, actor, keep_old=keep_old, replaces=replaces)
