"""Create official accounts for tests."""

from __future__ import annotations

from typing import Any

from verification.accounts.tokens import rotate_token
from verification.change_log import Actor
from verification.models import OfficialAccount

#: The operator.
LI_WEI = Actor("li.wei")


def make_account(slug: str, token: str | None = None, **fields: Any) -> OfficialAccount:
    """Create an account, with this token as the current one if there is one."""
    account = OfficialAccount.objects.create(slug=slug, name=slug.title(), **fields)
    if token:
        rotate_token(account, token, LI_WEI)
    return account
