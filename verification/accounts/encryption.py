"""Reads what encrypts the messages of an account, and the echostr of WeCom, for test calls."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from verification.accounts.rotation import current_secret
from verification.models import AESKey, OfficialAccount
from verification.protocol.encryption import decode_aes_key
from verification.self_test.client import Encryption


def read_encryption(account: OfficialAccount) -> Encryption | None:
    """Return what encrypts the account's messages, or None if it has no EncodingAESKey.

    Raises UndecryptableSecret, and ValidationError if the account has no AppID or CorpID.
    """
    key = current_secret(AESKey, account)
    if key is None or key.secret is None:
        return None
    if not account.app_id:
        sentence = _(
            "The account has no %(id)s, which each encrypted message ends with. Enter it on the "
            "account's page, or with set_account --app-id."
        )
        raise ValidationError(sentence, params={"id": account.id_name})
    return Encryption(decode_aes_key(key.secret.reveal()), account.app_id, account.suite_id)


def require_encryption(account: OfficialAccount) -> Encryption:
    """Return what encrypts the account's messages.

    Raises UndecryptableSecret, and ValidationError if the account lacks the key, or its id.
    """
    encryption = read_encryption(account)
    if encryption is None:
        sentence = _(
            "The account has no EncodingAESKey. Enter it on the account's page, or run set_aes_key "
            "%(slug)s --key -."
        )
        raise ValidationError(sentence, params={"slug": account.slug})
    return encryption


def read_check_encryption(account: OfficialAccount) -> Encryption | None:
    """Return what encrypts the echostr of a URL verification: None unless WeCom sends it.

    Raises what require_encryption() raises.
    """
    return require_encryption(account) if account.is_wecom else None
