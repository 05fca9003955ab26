"""An operator reads what was delivered, what failed and what waits, and can retry and discard."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from verification.models import Backend, ChangeEvent, Delivery, OfficialAccount, WatchPosition
from verification.protocol.enums import DeliveryResult
from verification.tests.support.admin_client import (
    last_event,
    open_account,
    open_list,
    page,
    press,
    staff,
)
from verification.tests.support.deliveries import (
    PAYLOAD,
    count_deliveries,
    give_backend,
    give_failing_backend,
    keep_waiting,
    make_dead,
)
from verification.times import format_short_with_seconds

Action, State = ChangeEvent.Action, Delivery.State


def words(text: str) -> str:
    return " ".join(text.split())


def worker_was_seen(*, minutes_ago: float) -> None:
    now = timezone.now()
    seen = now - timedelta(minutes=minutes_ago)
    WatchPosition.objects.create(began_at=now, held_until=seen)


def states() -> list[int]:
    return list(Delivery.objects.order_by("pk").values_list("state", flat=True))


class TestTheCard:
    def test_an_account_that_never_had_a_backend_has_none(
        self, brand_a: OfficialAccount, li_wei_at_work: Client
    ) -> None:
        assert 'id="deliveries"' not in open_account(li_wei_at_work, brand_a)

    def test_it_counts_the_hour_and_the_day_and_how_fast_the_backend_is(
        self, brand_a: OfficialAccount, li_wei_at_work: Client
    ) -> None:
        give_backend(brand_a)
        count_deliveries(brand_a, DeliveryResult.DELIVERED, 90, milliseconds=40)
        count_deliveries(brand_a, DeliveryResult.DELIVERED, 10, milliseconds=2000)
        count_deliveries(brand_a, DeliveryResult.DELIVERED, 1234, milliseconds=40, hours_ago=5)
        count_deliveries(brand_a, DeliveryResult.DELIVERED, 9999, hours_ago=30)
        shown = words(open_account(li_wei_at_work, brand_a))

        assert '>Last hour</th> <td data-label="Delivered">100<' in shown
        assert '>Last 24 hours</th> <td data-label="Delivered">1,334<' in shown
        # The bounds of the buckets of 40 ms and 2 s.
        assert 'data-label="Half answered within">44 ms<' in shown
        assert 'data-label="95% answered within">2.5 s<' in shown

    def test_each_reason_has_a_sentence_its_count_and_what_to_do(
        self, brand_a: OfficialAccount, li_wei_at_work: Client
    ) -> None:
        give_backend(brand_a)
        refused = DeliveryResult.CONNECTION_REFUSED
        count_deliveries(brand_a, refused, 3, hours_ago=5)
        count_deliveries(brand_a, refused, 2)
        count_deliveries(brand_a, DeliveryResult.SERVER_ERROR, 1, status=502)
        shown = words(open_account(li_wei_at_work, brand_a))

        assert "<strong>The backend refuses connections.</strong>" in shown
        assert "5 times, 2 of them in the last hour; last at " in shown
        assert "let its firewall admit this server." in shown
        assert "<strong>The backend answered with status 502.</strong>" in shown
        assert "Once, at " in shown

    def test_a_failure_needs_no_advice_once_the_backend_works_again(
        self, brand_a: OfficialAccount, li_wei_at_work: Client
    ) -> None:
        give_backend(brand_a, last_success_at=timezone.now())
        count_deliveries(brand_a, DeliveryResult.CONNECTION_REFUSED, 3, hours_ago=5)
        shown = words(open_account(li_wei_at_work, brand_a))
        assert "The backend works again: it took a message at " in shown
        assert "let its firewall admit this server." not in shown

        count_deliveries(brand_a, DeliveryResult.TIMEOUT, 3)
        shown = words(open_account(li_wei_at_work, brand_a))
        assert "Let the backend answer within 3.5 seconds" in shown

    def test_a_backend_that_has_taken_no_decrypted_message_may_expect_encrypted_ones(
        self, brand_a: OfficialAccount, li_wei_at_work: Client
    ) -> None:
        said, refused = "check that it expects plain XML or JSON", DeliveryResult.CLIENT_ERROR
        give_failing_backend(brand_a, refused, 400)
        count_deliveries(brand_a, refused, 3, status=400)
        [message] = keep_waiting(brand_a, last_result=refused, last_status=400)

        def count() -> tuple[int, int]:
            of_message = li_wei_at_work.get(page("delivery_change", message.pk)).text
            return open_account(li_wei_at_work, brand_a).count(said), of_message.count(said)

        assert count() == (0, 0)
        Backend.objects.update(forwards_decrypted=True)
        assert count() == (3, 1)
        Backend.objects.update(last_success_at=timezone.now())
        assert count() == (0, 0)

    def test_it_says_how_many_wait_and_until_when(
        self, brand_a: OfficialAccount, li_wei_at_work: Client
    ) -> None:
        give_failing_backend(brand_a)
        worker_was_seen(minutes_ago=1)
        keep_waiting(brand_a, 12, for_=timedelta(minutes=30))
        make_dead(brand_a)
        shown = words(open_account(li_wei_at_work, brand_a))

        assert "12 messages wait, the oldest since 20" in shown
        assert "As soon as the backend takes a message, the others follow by themselves." in shown
        assert "1 dead letter, which the backend does not accept. It is deleted at 20" in shown
        assert "worker" not in shown

    @pytest.mark.parametrize(
        ("minutes", "said"),
        [
            (None, "No worker runs: start manage.py worker"),
            (6, "No worker has run since 20"),
            (1, "manage.py watch alone delivers nothing"),
        ],
    )
    def test_it_says_why_messages_do_not_move(
        self,
        brand_a: OfficialAccount,
        li_wei_at_work: Client,
        minutes: float | None,
        said: str,
    ) -> None:
        give_backend(brand_a)
        keep_waiting(brand_a, for_=timedelta(minutes=11))
        if minutes:
            worker_was_seen(minutes_ago=minutes)

        assert said in open_account(li_wei_at_work, brand_a)

    def test_without_a_backend_what_waits_is_still_there_to_discard(
        self, brand_a: OfficialAccount, li_wei_at_work: Client
    ) -> None:
        keep_waiting(brand_a)
        shown = open_account(li_wei_at_work, brand_a)

        assert "They wait for a backend: set one, or discard them." in shown
        assert "1 message waits" in open_list(li_wei_at_work)


class TestRetryingAndDiscarding:
    def test_retry_now_tries_all_at_once_dead_letters_as_well(
        self, brand_a: OfficialAccount, brand_b: OfficialAccount, li_wei_at_work: Client
    ) -> None:
        keep_waiting(brand_a, 2)
        make_dead(brand_a)
        make_dead(brand_b)
        worker_was_seen(minutes_ago=0)
        answer = press(li_wei_at_work, "retry_deliveries", brand_a.pk)

        assert "3 messages are tried again now." in answer.text
        assert states() == [State.WAITING] * 3 + [State.DEAD]
        due = Delivery.objects.filter(account=brand_a, due_at__lte=timezone.now())
        assert due.count() == 3
        assert (last_event().action, last_event().facts) == (
            Action.DELIVERIES_RETRIED,
            {"count": 3},
        )

    @pytest.mark.parametrize(
        ("what", "left"),
        [
            ("dead", [State.WAITING, State.WAITING, State.DISCARDED]),
            ("all", [State.DISCARDED] * 3),
        ],
    )
    def test_discarding_deletes_what_was_chosen(
        self, brand_a: OfficialAccount, li_wei_at_work: Client, what: str, left: list[int]
    ) -> None:
        keep_waiting(brand_a, 2)
        make_dead(brand_a)
        asked = words(
            li_wei_at_work.get(
                f"/admin/verification/officialaccount/{brand_a.pk}/deliveries/discard/"
            ).text
        )
        assert "can never be delivered" in asked
        assert "3 messages: everything that the spool has for the account" in asked

        press(li_wei_at_work, "discard_deliveries", brand_a.pk, what=what)
        assert states() == left
        assert not Delivery.objects.filter(state=State.DISCARDED, payload__isnull=False).exists()
        assert last_event().facts == {"count": left.count(State.DISCARDED)}

    def test_nothing_is_discarded_before_something_is_chosen(
        self, brand_a: OfficialAccount, li_wei_at_work: Client
    ) -> None:
        keep_waiting(brand_a)
        answer = press(li_wei_at_work, "discard_deliveries", brand_a.pk)

        assert "Choose what to discard." in answer.text
        assert states() == [State.WAITING]

    def test_the_only_choice_is_chosen_already(
        self, brand_a: OfficialAccount, li_wei_at_work: Client
    ) -> None:
        path = f"/admin/verification/officialaccount/{brand_a.pk}/deliveries/discard/"
        keep_waiting(brand_a)
        assert " checked" in li_wei_at_work.get(path).text

        make_dead(brand_a)
        assert " checked" not in li_wei_at_work.get(path).text

    def test_what_a_worker_is_delivering_is_left_to_it(
        self, brand_a: OfficialAccount, li_wei_at_work: Client
    ) -> None:
        keep_waiting(brand_a, leased_until=timezone.now() + timedelta(minutes=1))
        press(li_wei_at_work, "discard_deliveries", brand_a.pk, what="all")

        assert states() == [State.WAITING]

    def test_it_takes_the_permission(self, brand_a: OfficialAccount) -> None:
        keep_waiting(brand_a)
        auditor = staff("view_officialaccount", "view_delivery")

        for button in ("retry_deliveries", "discard_deliveries"):
            assert press(auditor, button, brand_a.pk, what="all").status_code == 403
        shown = open_account(auditor, brand_a)
        assert "Retry now" not in shown
        assert "Show them" in shown


class TestTheList:
    def test_it_shows_what_waits_and_why_but_not_what_it_says(
        self, brand_a: OfficialAccount, li_wei_at_work: Client
    ) -> None:
        give_backend(brand_a)
        [dead] = make_dead(brand_a)
        keep_waiting(brand_a)
        keep_waiting(brand_a, state=State.DELIVERED, payload=None, settled_at=timezone.now())
        shown = li_wei_at_work.get(page("delivery_changelist")).text

        assert "The backend refused the message with status 404." in shown
        assert "Not tried yet" in shown
        detail = li_wei_at_work.get(page("delivery_change", dead.pk)).text
        assert "compare the path of the backend URL" in detail
        for text in (shown, detail):
            assert PAYLOAD.decode() not in text
            assert "f" * 32 not in text

    @pytest.mark.parametrize(
        ("query", "count"),
        [
            ("", 3),
            ("state=dead", 1),
            ("state=waiting", 2),
            ("state=delivered", 1),
            ("state=all", 4),
            ("reason=client_error", 1),
            ("account__id__exact={other}", 1),
        ],
    )
    def test_the_list_is_filtered_by_state_and_reason(
        self,
        brand_a: OfficialAccount,
        brand_b: OfficialAccount,
        li_wei_at_work: Client,
        query: str,
        count: int,
    ) -> None:
        keep_waiting(brand_a)
        make_dead(brand_a)
        keep_waiting(brand_b)
        keep_waiting(brand_a, state=State.DELIVERED, payload=None, settled_at=timezone.now())
        url = f"{page('delivery_changelist')}?{query.format(other=brand_b.pk)}"

        assert len(li_wei_at_work.get(url).context["cl"].result_list) == count

    @pytest.mark.parametrize(
        ("probe_in", "said"),
        [
            (None, ["now", "after an earlier message of the same follower"]),
            (-60, ["when the backend works again (next try now)"] * 2),
            (3600, ["when the backend works again (next try {probe})"] * 2),
        ],
    )
    def test_it_says_what_the_next_attempt_waits_for(
        self,
        brand_a: OfficialAccount,
        li_wei_at_work: Client,
        probe_in: float | None,
        said: list[str],
    ) -> None:
        probe = timezone.now() + timedelta(seconds=probe_in or 0)
        give_backend(brand_a, next_probe_at=probe if probe_in else None)
        first, last = keep_waiting(brand_a, 2, due_at=timezone.now())
        shown = li_wei_at_work.get(page("delivery_changelist")).text
        details = [
            words(li_wei_at_work.get(page("delivery_change", row.pk)).text) for row in (first, last)
        ]

        for text, detail in zip(said, details, strict=True):
            text = text.format(probe=format_short_with_seconds(probe))
            assert f'<td class="field-due">{text}</td>' in shown
            assert f'<div class="readonly">{text}</div>' in detail

    def test_the_chosen_ones_are_discarded_after_a_question(
        self, brand_a: OfficialAccount, li_wei_at_work: Client
    ) -> None:
        chosen, *_others = keep_waiting(brand_a, 3)
        form = {"action": "discard", "_selected_action": [chosen.pk]}
        asked = li_wei_at_work.post(page("delivery_changelist"), form)
        assert "Brand-A</strong> — 1 message<" in asked.text
        assert states() == [State.WAITING] * 3

        li_wei_at_work.post(page("delivery_changelist"), {**form, "confirmed": "yes"})
        assert states() == [State.DISCARDED, State.WAITING, State.WAITING]

    def test_all_that_a_filter_finds_is_retried(
        self, brand_a: OfficialAccount, li_wei_at_work: Client
    ) -> None:
        keep_waiting(brand_a)
        dead = make_dead(brand_a, 3)
        form = {"action": "retry", "_selected_action": [dead[0].pk], "select_across": "1"}
        li_wei_at_work.post(f"{page('delivery_changelist')}?state=dead", form)

        assert states() == [State.WAITING] * 4
        assert last_event().facts == {"count": 3}

    def test_who_may_only_view_has_no_action(self, brand_a: OfficialAccount) -> None:
        [message] = keep_waiting(brand_a)
        auditor = staff("view_delivery")
        form = {"action": "discard", "_selected_action": [message.pk], "confirmed": "yes"}

        assert 'name="action"' not in auditor.get(page("delivery_changelist")).text
        auditor.post(page("delivery_changelist"), form)
        assert states() == [State.WAITING]

    def test_nobody_adds_changes_or_deletes_one(
        self, brand_a: OfficialAccount, li_wei_at_work: Client
    ) -> None:
        [message] = keep_waiting(brand_a)
        for url in (
            page("delivery_add"),
            page("delivery_change", message.pk),
            page("delivery_delete", message.pk),
        ):
            assert li_wei_at_work.post(url, {"post": "yes", "state": "3"}).status_code == 403
        assert states() == [State.WAITING]
