"""The list, list_accounts, /metrics and the alerts say the same about an account.

An account that needs attention has an alert, and one that needs none has none. The exceptions each
have a reason.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from io import StringIO
from typing import Any, NamedTuple

import pytest
from django.core.management import call_command
from django.db.models import F
from django.test import Client

from verification.accounts.levels import Level
from verification.accounts.pausing import pause
from verification.accounts.problems import PROBLEMS
from verification.accounts.tokens import rotate_token
from verification.alerts.watch import Watch
from verification.models import Alert, Backend, DeliveryTally, OfficialAccount
from verification.models.alert import GOOD_NEWS
from verification.protocol.enums import DeliveryResult
from verification.tests.support.accounts import LI_WEI, record_as_they_are
from verification.tests.support.adapter import A, B
from verification.tests.support.admin_client import (
    STRANGER,
    open_list,
    query_is_lost,
    wechat_goes_astray,
    wechat_pushes,
    wechat_verifies,
)
from verification.tests.support.deliveries import (
    count_deliveries,
    give_backend,
    give_failing_backend,
    keep_waiting,
    make_dead,
)
from verification.tests.support.lost_keys import lose_key
from verification.tests.support.messages import (
    OTHER_AES_KEY,
    encrypted_push,
    store_aes_key,
    text_message,
)
from verification.tests.support.tallies import was_pushed_to

NEW = "NewTokenOfBrandA99"


class Scenario(NamedTuple):
    happen: Callable[[OfficialAccount], Any]
    level: Level
    alerts: set[str]
    problem: str = ""
    #: Why an account that needs attention has no alert, or the other way round.
    exception: str = ""


def refused_then_called_elsewhere(account: OfficialAccount) -> None:
    refused_by_another_token(account)
    wechat_goes_astray("/wechat/elsewhere", A)


def refused_by_another_token(account: OfficialAccount) -> None:
    wechat_verifies(account, A)
    wechat_verifies(account, B)


def another_token_in_the_console(account: OfficialAccount) -> None:
    wechat_verifies(account, A)
    wechat_verifies(account, "Nonsense")


def a_stranger_calls(account: OfficialAccount, times: int = 1) -> None:
    wechat_verifies(account, A)
    for _again in range(times):
        wechat_verifies(account, "Nonsense", STRANGER)


def queries_lost(account: OfficialAccount) -> None:
    wechat_pushes(account, A)
    query_is_lost(account, times=3)


def rotated(account: OfficialAccount, keep_old: timedelta | None = None) -> None:
    wechat_verifies(account, A)
    rotate_token(account, NEW, LI_WEI, keep_old=keep_old)


def rotated_and_refused(account: OfficialAccount) -> None:
    rotated(account, timedelta(0))
    wechat_pushes(account, A)


def rotation_about_to_end(account: OfficialAccount) -> None:
    rotated(account, timedelta(hours=4))
    ago = timedelta(hours=3.5)
    account.tokens.filter(superseded_at__isnull=False).update(
        superseded_at=F("superseded_at") - ago, expires_at=F("expires_at") - ago
    )
    record_as_they_are()


def replies_lost(account: OfficialAccount) -> None:
    give_backend(account)
    count_deliveries(account, DeliveryResult.TIMEOUT, 12)


def spool_full(account: OfficialAccount) -> None:
    give_backend(account)
    count_deliveries(account, DeliveryResult.SPOOL_FULL, 7)


def failure_of_a_newer_release(account: OfficialAccount) -> None:
    give_failing_backend(account)
    Backend.objects.update(last_failure=99)
    count_deliveries(account, DeliveryResult.TIMEOUT, 12)
    DeliveryTally.objects.update(result=99)
    keep_waiting(account, last_result=99)


def token_shared(account: OfficialAccount) -> None:
    wechat_verifies(account, A)
    rotate_token(account, B, LI_WEI)
    wechat_verifies(account, B)


def key_unfit(account: OfficialAccount) -> None:
    store_aes_key(account, OTHER_AES_KEY)
    body, query = encrypted_push(A, text_message("hello", msg_id="1"))
    Client().post(f"{account.server_path}?{query}", body, content_type="text/xml")


def key_unfit_for_decrypted_forwarding(account: OfficialAccount) -> None:
    give_backend(account, forwards_decrypted=True)
    record_as_they_are()
    key_unfit(account)


def messages_not_decrypted(account: OfficialAccount) -> None:
    key_unfit_for_decrypted_forwarding(account)
    count_deliveries(account, DeliveryResult.NOT_DECRYPTED, 4, hours_ago=0.5)


def paused_with_dead_letters(account: OfficialAccount) -> None:
    make_dead(account)
    pause(account, LI_WEI)


SEEN = "a person has just made this, and sees it on the account's page"
FAILING, WARNING = Level.FAILING, Level.WARNING
SCENARIOS = {
    "new": Scenario(lambda account: None, Level.WAITING, set()),
    "verified": Scenario(lambda account: wechat_verifies(account, A), Level.VERIFIED, set()),
    "receiving": Scenario(lambda account: wechat_pushes(account, A), Level.RECEIVING, set()),
    "paused": Scenario(lambda account: pause(account, LI_WEI), Level.PAUSED, set()),
    "refused": Scenario(refused_by_another_token, FAILING, {"refused"}, "refused"),
    "unknown token": Scenario(another_token_in_the_console, FAILING, {"refused"}, "refused"),
    "stranger": Scenario(a_stranger_calls, Level.VERIFIED, set()),
    "stranger, often": Scenario(
        lambda account: a_stranger_calls(account, 4), WARNING, {"refused"}, "refused"
    ),
    "refused before any success": Scenario(
        lambda account: wechat_verifies(account, B), FAILING, set(), "refused", SEEN
    ),
    "rotated": Scenario(rotated, WARNING, set(), "rotation_unfinished", SEEN),
    "rotation about to end": Scenario(
        rotation_about_to_end, WARNING, {"rotation_ends_unused"}, "rotation_unfinished"
    ),
    "rotated at once": Scenario(
        lambda account: rotated(account, timedelta(0)), WARNING, set(), "rotation_unfinished", SEEN
    ),
    "rotated and refused": Scenario(
        rotated_and_refused, FAILING, {"refused"}, "rotation_unfinished"
    ),
    "token shared": Scenario(token_shared, WARNING, set(), "token_shared", SEEN),
    "refused, then called elsewhere": Scenario(
        refused_then_called_elsewhere, FAILING, {"refused"}, "refused"
    ),
    "called elsewhere": Scenario(
        lambda account: wechat_goes_astray("/wechat/elsewhere", A), WARNING, set(), "stray", SEEN
    ),
    "queries lost": Scenario(queries_lost, WARNING, {"refused"}, "queries_lost"),
    "key unfit": Scenario(
        key_unfit, WARNING, set(), "key_unfit", "messages pass, as they did without a key"
    ),
    "key unfit for decrypted forwarding": Scenario(
        key_unfit_for_decrypted_forwarding,
        FAILING,
        set(),
        "key_unfit",
        "the alert waits for three messages",
    ),
    "messages not decrypted": Scenario(
        messages_not_decrypted, FAILING, {"replies_lost"}, "key_unfit"
    ),
    "key missing": Scenario(lose_key, FAILING, {"key_missing"}, "key_missing"),
    "backend fails": Scenario(give_failing_backend, FAILING, {"backend_fails"}, "backend_failing"),
    "backend failed once": Scenario(
        lambda account: give_failing_backend(account, failures=1),
        WARNING,
        set(),
        "backend_failing",
        "it may be a restart, so the alert waits for a minute",
    ),
    "backend fails, says a newer release": Scenario(
        failure_of_a_newer_release, FAILING, {"backend_fails"}, "backend_failing"
    ),
    "replies lost": Scenario(replies_lost, WARNING, {"replies_lost"}, "replies_lost"),
    "spool full": Scenario(spool_full, FAILING, {"spool_full"}, "spool_full"),
    "dead letters": Scenario(make_dead, WARNING, {"messages_dead"}, "messages_dead"),
    "dead letters while paused": Scenario(
        paused_with_dead_letters,
        Level.PAUSED,
        {"messages_dead"},
        exception="the pause is intended, and the messages are deleted all the same",
    ),
    "messages wait": Scenario(
        lambda account: keep_waiting(account, for_=timedelta(minutes=11)),
        WARNING,
        {"messages_wait"},
        "messages_wait",
    ),
    "silent": Scenario(
        lambda account: was_pushed_to(account, range(5, 40)), WARNING, {"silent"}, "silent"
    ),
}


@pytest.mark.parametrize("name", SCENARIOS)
def test_pages_commands_metrics_and_alerts_agree(
    name: str,
    brand_a: OfficialAccount,
    brand_b: OfficialAccount,
    watch: Watch,
    li_wei_at_work: Client,
    settings: Any,
) -> None:
    scenario = SCENARIOS[name]
    scenario.happen(brand_a)
    watch.run_round()
    brand_a.refresh_from_db()

    listed = state_in_list_accounts(brand_a)
    text = listed["state_text"]
    assert (listed["state"], listed["needs_attention"]) == (
        scenario.level.key,
        scenario.level in (FAILING, WARNING),
    ), text
    assert bool(listed["advice"]) or not listed["needs_attention"]

    row = state_in_the_list(li_wei_at_work, brand_a)
    assert f'class="badge is-{scenario.level.badge}"' in row
    assert f"</span> {scenario.level.label}</span>" in " ".join(row.split())

    settings.METRICS_KEY = "k" * 32
    metrics = Client().get("/metrics", headers={"Authorization": f"Bearer {'k' * 32}"}).text
    assert f'wechat_gateway_accounts{{state="{scenario.level.key}"}} ' in metrics
    assert f'wechat_gateway_accounts{{state="{scenario.level.key}"}} 0.0' not in metrics

    alerts = {alert.condition for alert in Alert.objects.filter(is_over=False)} - GOOD_NEWS
    assert alerts == scenario.alerts
    has_alert = bool(alerts)
    assert (has_alert == listed["needs_attention"]) == (not scenario.exception)


def test_every_problem_has_a_scenario() -> None:
    problems = {find.__name__ for find in PROBLEMS}

    assert {scenario.problem for scenario in SCENARIOS.values()} - {""} == problems


def state_in_list_accounts(account: OfficialAccount) -> dict[str, Any]:
    out = StringIO()
    call_command("list_accounts", "--json", stdout=out)
    accounts: list[dict[str, Any]] = json.loads(out.getvalue())["accounts"]
    return next(listed for listed in accounts if listed["slug"] == account.slug)


def state_in_the_list(client: Client, account: OfficialAccount) -> str:
    """Return the row of the account in the admin's list."""
    rows = open_list(client).split("<tr")
    return next(row for row in rows if f">{account.name}</a>" in row and "field-status" in row)
