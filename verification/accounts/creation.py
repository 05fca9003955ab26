"""Creates accounts with their first secrets."""

from __future__ import annotations

from django.db import transaction

from verification import change_log
from verification.accounts.aes_keys import rotate_aes_key
from verification.accounts.tokens import rotate_token
from verification.change_log import Action, Actor
from verification.models import OfficialAccount


def create_account(
    account: OfficialAccount, token: str, actor: Actor, aes_key: str | None = None
) -> None:
    """Save a new account with its token, and with its EncodingAESKey unless that is None.

    Validate the account before. Raises ValidationError for a secret that is not valid, and for a
    WeCom app without an EncodingAESKey.
    """
    with transaction.atomic():
        account.save(force_insert=True)
        change_log.record(
            Action.ACCOUNT_CREATED, actor, account, name=account.name, slug=account.slug
        )
        rotate_token(account, token, actor)
        if aes_key is not None or account.is_wecom:
            rotate_aes_key(account, aes_key or "", actor)
