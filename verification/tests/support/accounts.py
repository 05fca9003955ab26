"""Create accounts for tests."""

from __future__ import annotations

from typing import Any

from verification import change_log
from verification.accounts.tokens import rotate_token
from verification.change_log import Action, Actor
from verification.models import OfficialAccount

#: The operator.
LI_WEI = Actor("li.wei")


def record_as_they_are() -> None:
    """Record all accounts, after a test has changed them in the database itself."""
    pks = OfficialAccount.objects.values_list("pk", flat=True)
    change_log.record(Action.ACCOUNTS_RECORDED, LI_WEI, changed_accounts=[*pks])


def make_account(slug: str, token: str | None = None, **fields: Any) -> OfficialAccount:
    """Create an account, with this token as the current one if there is one."""
    account = OfficialAccount.objects.create(slug=slug, name=slug.title(), **fields)
    change_log.record(Action.ACCOUNT_CREATED, LI_WEI, account, name=account.name, slug=slug)
    if token:
        rotate_token(account, token, LI_WEI)
    return account
