"""Whatever a command or a page changes is recorded, so the log stays intact."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from verification.audit_log.verifier import verify_audit
from verification.change_log import CHANGED_PARTS, Action
from verification.models import ChangeEvent, OfficialAccount, Token
from verification.tests.support.adapter import A
from verification.tests.support.admin_client import (
    UNCHANGED,
    add,
    page,
    press,
    tool,
    wechat_verifies,
)
from verification.tests.support.deliveries import keep_waiting
from verification.tests.support.messages import AES_KEY, APP_ID

URL = "https://crm.example.cn/wechat"
NEW = "NewTokenOfBrandA99"


def previous_token(account: OfficialAccount) -> Token:
    token: Token = Token.objects.filter(account=account).exclude(superseded_at=None).latest("id")
    return token


def rotated(client: Client, account: OfficialAccount) -> None:
    tool(client, "rotate", account, token=NEW, keep_old="24")


def kept_longer(client: Client, account: OfficialAccount) -> None:
    press(client, "keep_token", account.pk, previous_token(account).pk)


def retired(client: Client, account: OfficialAccount) -> None:
    press(client, "retire_token", account.pk, previous_token(account).pk)


PAGES: list[Callable[[Client, OfficialAccount], Any]] = [
    lambda client, account: add(client, slug="brand-c"),
    lambda client, account: client.post(
        page("officialaccount_change", account.pk),
        {**UNCHANGED, "slug": account.slug, "name": "Brand C", "notes": "Shanghai"},
    ),
    lambda client, account: client.post(f"{reverse('admin:pause_accounts')}?account={account.pk}"),
    lambda client, account: client.post(f"{reverse('admin:resume_accounts')}?account={account.pk}"),
    lambda client, account: tool(client, "reveal", account),
    rotated,
    kept_longer,
    retired,
    lambda client, account: press(
        client, "rotate_aes_key", account.pk, replaces=0, aes_key_source="generate", app_id=APP_ID
    ),
    lambda client, account: press(client, "reveal_aes_key", account.pk),
    lambda client, account: press(
        client, "retire_aes_key", account.pk, account.aes_keys.latest("id").pk
    ),
    lambda client, account: press(
        client, "set_backend", account.pk, url=URL, on_failure="resend", retention_days="3"
    ),
    lambda client, account: press(
        client, "set_backend", account.pk, url=f"{URL}/2", on_failure="resend", retention_days="4"
    ),
    lambda client, account: press(client, "reveal_webhook_secret", account.pk),
    lambda client, account: press(client, "rotate_webhook_secret", account.pk, replaces="first"),
    lambda client, account: press(client, "retry_deliveries", account.pk),
    lambda client, account: press(client, "remove_backend", account.pk),
    lambda client, account: client.post(
        page("officialaccount_delete", OfficialAccount.objects.get(slug="brand-c").pk),
        {"post": "yes"},
    ),
]
#: What no page and no command can do to an account with a token.
NOT_DONE = {
    Action.TOKEN_CREATED,  # adding an account does
    Action.ACCOUNTS_RECORDED,  # an upgrade does
    Action.AES_KEY_KEPT,
    Action.KEYS_ROTATED,
    Action.AES_KEY_ROTATED,
}


def test_after_each_page_that_changes_an_account_the_log_is_intact(
    li_wei_at_work: Client, brand_a: OfficialAccount
) -> None:
    wechat_verifies(brand_a, A)
    keep_waiting(brand_a, for_=timedelta(minutes=1))
    done: set[str] = set()
    for change in PAGES:
        before = ChangeEvent.objects.latest("id").pk
        change(li_wei_at_work, brand_a)
        new = ChangeEvent.objects.filter(id__gt=before)
        assert new.exists(), change
        done |= set(new.values_list("action", flat=True))
        assert verify_audit().problems == [], new.values()

    assert {action.value for action in CHANGED_PARTS.keys() - NOT_DONE} <= done


COMMANDS: list[tuple[str, ...]] = [
    ("add_account", "brand-c", "--token", "TokenOfBrandC1234"),
    ("set_account", "brand-c", "--name", "Brand C"),
    ("pause_account", "brand-c"),
    ("resume_account", "brand-c"),
    ("rotate_token", "brand-c", "--token", NEW),
    ("set_aes_key", "brand-c", "--key", AES_KEY, "--app-id", APP_ID),
    ("set_backend", "brand-c", URL, "--on-failure", "resend", "--show-secret"),
    ("rotate_encryption_keys", "--yes"),
    ("set_backend", "brand-c", "--none"),
    ("set_aes_key", "brand-c", "--none"),
    ("retry_deliveries", "brand-c"),
    ("verify_audit",),
    ("export_attempts",),
    ("prune_attempts", "--older-than", "500d", "--yes"),
]


def test_after_each_command_the_log_is_intact(
    brand_a: OfficialAccount, two_years: None, settings: Any
) -> None:
    settings.TOKEN_ENCRYPTION_KEYS = ["a-new-key-of-2026-" * 2, *settings.TOKEN_ENCRYPTION_KEYS]
    for command in COMMANDS:
        call_command(*command)
        assert verify_audit().problems == [], command

    assert {action for (action,) in ChangeEvent.objects.values_list("action")} >= {
        *("account_created", "token_created", "account_changed", "account_paused"),
        *("account_resumed", "token_rotated", "aes_key_created", "backend_set"),
        *("webhook_secret_revealed", "keys_rotated", "backend_removed", "aes_key_retired"),
        *("log_checked", "exported", "pruned"),
    }
