"""What people do in the admin, for the tests of its pages."""

from __future__ import annotations

from typing import Any

from django.test import Client
from django.urls import reverse

from verification.models import ChangeEvent, OfficialAccount
from verification.tests.signer import own_nonce, push, verification


def open_list(client: Client, **query: str) -> str:
    return client.get(reverse("admin:verification_officialaccount_changelist"), query).text


def open_account(client: Client, account: OfficialAccount, **query: str) -> str:
    url = reverse("admin:verification_officialaccount_change", args=[account.pk])
    return client.get(url, query).text


def press(client: Client, page: str, *arguments: Any, **form: Any) -> Any:
    return client.post(reverse(f"admin:{page}", args=arguments), form)


def wechat_verifies(account: OfficialAccount, token: str, **rest: str) -> int:
    url = f"{account.server_path}?{verification(token, **rest)}"
    return Client().get(url).status_code


def wechat_pushes(account: OfficialAccount, token: str) -> int:
    return Client().post(f"{account.server_path}?{push(token)}").status_code


def we_test(account: OfficialAccount, token: str) -> int:
    """A self-test of this server's, as the button sends it."""
    return wechat_verifies(account, token, nonce=own_nonce())


def last_event() -> ChangeEvent:
    return ChangeEvent.objects.latest("id")
