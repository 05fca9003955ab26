"""Official accounts that tests call."""

from __future__ import annotations

from typing import Any

from verification.models import OfficialAccount
from verification.models.token import rotate_token


def make_account(slug: str, token: str | None = None, **fields: Any) -> OfficialAccount:
    account = OfficialAccount.objects.create(slug=slug, name=slug.title(), **fields)
    if token:
        rotate_token(account, token, actor="li.wei")
    return account
