from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import timezone, translation

from verification.models import Backend, ChangeEvent, Delivery, OfficialAccount, WatchPosition
from verification.protocol.enums import DeliveryResult
from verification.relay.spool import store
from verification.tests.support.backend import set_backend
from verification.tests.support.deliveries import keep_waiting
from verification.tests.support.waiting import states, waiting_push
from verification.times import format_short

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]
RECEIVED = datetime(2026, 11, 24, 2, 42, tzinfo=UTC)


@pytest.fixture
def kept(brand_a: OfficialAccount) -> list[int]:
    """Store two messages that wait and a dead letter of Brand A, and return their ids."""
    store(
        [
            waiting_push(brand_a, 1, received_at=RECEIVED, result=DeliveryResult.TIMEOUT),
            waiting_push(brand_a, 2, received_at=RECEIVED),
            waiting_push(
                brand_a, 3, received_at=RECEIVED, result=DeliveryResult.CLIENT_ERROR, status=404
            ),
        ]
    )
    return [*Delivery.objects.order_by("id").values_list("pk", flat=True)]


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    call_command(*arguments)
    return capsys.readouterr().out.splitlines()


def test_the_list_says_why_each_message_waits(
    kept: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    first, second, dead, total, problem = run(capsys, "list_deliveries")

    assert first.startswith(
        f"{kept[0]} · brand-a · waiting · received {format_short(RECEIVED)} · no answer in time · "
        "next attempt: once the account has a backend"
    )
    assert second.startswith(
        f"{kept[1]} · brand-a · waiting · received {format_short(RECEIVED)} · next attempt: "
    )
    assert dead == (
        f"{kept[2]} · brand-a · dead letter · received {format_short(RECEIVED)} · "
        "refused by the backend (404)"
    )
    assert total.startswith("3 messages: 2 waiting, 1 dead letter.")
    assert problem.startswith("No worker runs: start manage.py worker")


def test_the_list_can_be_limited_to_an_account_and_a_state(
    kept: list[int], brand_b: OfficialAccount, capsys: pytest.CaptureFixture[str]
) -> None:
    assert len(run(capsys, "list_deliveries", "brand-a", "--state", "dead")) == 2
    assert run(capsys, "list_deliveries", "brand-b") == ["There are no such messages."]


@pytest.mark.django_db
def test_an_empty_list_says_that_no_messages_wait(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "list_deliveries") == ["No messages are waiting."]
    assert run(capsys, "list_deliveries", "--state", "dead") == ["There are no such messages."]


def test_the_list_shows_neither_bodies_nor_openids(
    kept: list[int], capsys: pytest.CaptureFixture[str]
) -> None:
    text = "\n".join(run(capsys, "list_deliveries") + run(capsys, "list_deliveries", "--json"))

    assert "oZhangWei" not in text
    assert "你好" not in text


def test_the_list_is_printed_as_json(kept: list[int], capsys: pytest.CaptureFixture[str]) -> None:
    [line] = run(capsys, "list_deliveries", "--state", "dead", "--json")
    [facts] = json.loads(line)["deliveries"]

    assert facts["id"] == kept[2]
    assert (facts["slug"], facts["state"]) == ("brand-a", "dead")
    assert (facts["reason"], facts["status"]) == ("client_error", 404)
    assert facts["received_at"] == "2026-11-24T02:42:00+00:00"
    assert facts["next_attempt_at"] is None


def test_a_delivered_message_has_no_reason(
    brand_a: OfficialAccount, capsys: pytest.CaptureFixture[str]
) -> None:
    keep_waiting(
        brand_a,
        state=Delivery.State.DELIVERED,
        payload=None,
        settled_at=RECEIVED,
        last_result=DeliveryResult.DELIVERED,
        last_status=200,
    )
    [line] = run(capsys, "list_deliveries", "--state", "delivered", "--json")
    [facts] = json.loads(line)["deliveries"]

    assert (facts["state"], facts["reason"], facts["status"]) == ("delivered", None, 200)


def test_retrying_makes_everything_due_and_revives_dead_letters(
    kept: list[int], brand_a: OfficialAccount, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(capsys, "retry_deliveries", "brand-a") == [
        "3 messages are due now. No worker runs: start manage.py worker, which delivers waiting "
        "messages."
    ]

    assert states(brand_a) == ["WAITING"] * 3
    assert not Delivery.objects.filter(due_at__gt=timezone.now()).exists()
    event = ChangeEvent.objects.get(action="deliveries_retried")
    assert (event.account, event.facts["count"]) == (brand_a, 3)
    assert event.actor.startswith("command line")


def test_retrying_does_not_wait_for_the_next_probe_of_a_failing_backend(
    kept: list[int],
    brand_a: OfficialAccount,
    brand_b: OfficialAccount,
    capsys: pytest.CaptureFixture[str],
) -> None:
    WatchPosition.objects.create(began_at=timezone.now(), held_until=timezone.now())
    later = timezone.now() + timedelta(seconds=30)
    for account in (brand_a, brand_b):
        set_backend(account, "https://backend.example.cn/wechat", "keep")
    Backend.objects.update(failures=9, failing_since=RECEIVED, next_probe_at=later)
    assert run(capsys, "retry_deliveries", "brand-a") == [
        "3 messages are due now. The backend is tried now. If it takes a message, the others "
        "follow."
    ]

    due = Backend.objects.filter(next_probe_at__lte=timezone.now())
    assert [backend.account for backend in due] == [brand_a]


def test_only_dead_letters_or_some_messages_can_be_retried(
    kept: list[int], brand_a: OfficialAccount, capsys: pytest.CaptureFixture[str]
) -> None:
    WatchPosition.objects.create(began_at=timezone.now(), held_until=timezone.now())
    [line] = run(capsys, "retry_deliveries", "brand-a", "--dead", "--json")
    facts = json.loads(line)
    assert (facts["slug"], facts["name"], facts["retried"]) == ("brand-a", "Brand-A", 1)
    assert run(capsys, "retry_deliveries", "brand-a", "--dead") == [
        "Brand-A has no messages to retry."
    ]
    assert run(capsys, "retry_deliveries", "brand-a", str(kept[0])) == [
        "1 message is tried again now."
    ]


def test_a_message_of_another_account_is_not_retried(
    kept: list[int], brand_b: OfficialAccount
) -> None:
    with pytest.raises(CommandError, match=f"^Nothing was retried: Brand-B has no .* {kept[0]}"):
        call_command("retry_deliveries", "brand-b", str(kept[0]))


def test_an_unknown_slug_is_one_sentence(kept: list[int]) -> None:
    with translation.override("en"):
        for command in ("list_deliveries", "retry_deliveries"):
            with pytest.raises(CommandError, match='with the slug "brand-x"'):
                call_command(command, "brand-x")
