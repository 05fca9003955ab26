"""Nobody changes, removes or adds a change event unseen, and none is lost in between."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection, transaction
from django.test import Client
from django.utils import timezone, translation

from verification import change_log
from verification.account_digests import AccountPart, read_account_digests
from verification.accounts.pausing import pause, resume
from verification.alerts.watch import Watch
from verification.audit_log.change_check import ChangeLogCheck
from verification.audit_log.verifier import verify_audit
from verification.change_log import WRONG_ISOLATION, Action, Actor, digest_of, is_genuine
from verification.keys import compute_mac, seal_keys
from verification.models import ChangeEvent, OfficialAccount
from verification.tests.support.accounts import LI_WEI
from verification.tests.support.tampering import as_owner, triggers_off

OLD_KEY, NEW_KEY = "the-key-of-2025-" * 3, "the-key-of-2026-" * 3


def problems() -> list[str]:
    return verify_audit().problems


def events() -> list[ChangeEvent]:
    return list(ChangeEvent.objects.order_by("id"))


def record(count: int = 1) -> ChangeEvent:
    for _ in range(count):
        event = change_log.record(Action.SIGNED_IN, LI_WEI)
    return event


def altered(event: int) -> str:
    return (
        f"Change event {event} was altered, or this server did not record it: its MAC was not made "
        "with our key."
    )


def no_mac(event: int) -> str:
    return f"Change event {event} has no MAC, so this release of the server did not record it."


def missing(last: int, event: int) -> str:
    return f"A change event between {last} and {event} is missing, or was replaced."


def unknown_keys(*events: ChangeEvent) -> list[str]:
    return [
        f"The key {event.key_id} of change event {event.pk} is not in TOKEN_ENCRYPTION_KEYS, so "
        "its MAC cannot be checked. Put the key back, at the end."
        for event in events
    ]


def forge(**values: Any) -> ChangeEvent:
    """Put a copy of the last event at the end of the log, with these values."""
    forged = events()[-1]
    forged.previous = digest_of(forged)
    for name, value in {"pk": change_log._next_id(), **values}.items():
        setattr(forged, name, value)
    forged.save(force_insert=True)
    return forged


@pytest.fixture
def four_events(db: None) -> list[int]:
    """Record four events, and return their ids."""
    record(4)
    return [event.pk for event in events()]


class TestAChangeLog:
    def test_is_intact_as_it_was_recorded(self, four_events: list[int]) -> None:
        assert problems() == []

    def test_is_intact_with_everything_that_an_event_can_hold(
        self, brand_a: OfficialAccount
    ) -> None:
        texts = ["一号店", chr(92), chr(34), chr(0x2028), chr(0x1F600)]
        facts: dict[str, Any] = {
            "z": [1.5, None, True, *texts],
            "a": {"2": -1, "10": {}},
            "big": 2**60,
        }
        change_log.record(Action.EXPORTED, Actor("王芳", "2001:db8::1"), brand_a, **facts)
        change_log.record(Action.EXPORTED, Actor("x" * 200, "81.69.103.129"), empty={})

        assert problems() == []
        assert all(is_genuine(event) for event in events())

    def test_may_have_gaps_where_a_transaction_was_rolled_back(self, db: None) -> None:
        record()
        with transaction.atomic():
            record(3)
            transaction.set_rollback(True)
        record()

        assert problems() == []

    @pytest.mark.parametrize(
        "change",
        [
            "actor = 'wang.fang'",
            "action = 'signed_out'",
            "facts = '[1]'",
            "recorded_at = '2026-01-05 10:42:00+00:00'",
            "client_ip = '192.0.2.1'",
            "account_id = 7",
            "token_fingerprint = '3f9a21'",
            "detail = 'by phone'",
            "account_digests = '[1]'",
        ],
    )
    def test_names_an_event_that_was_altered(self, four_events: list[int], change: str) -> None:
        as_owner(ChangeEvent, f"UPDATE {{table}} SET {change} WHERE id = {four_events[1]}")

        assert problems() == [altered(four_events[1])]

    def test_names_the_events_around_one_that_is_missing(self, four_events: list[int]) -> None:
        first, second, third, _ = four_events
        as_owner(ChangeEvent, f"DELETE FROM {{table}} WHERE id = {second}")

        assert problems() == [missing(first, third)]

    def test_shows_that_its_beginning_is_missing(self, four_events: list[int]) -> None:
        as_owner(ChangeEvent, f"DELETE FROM {{table}} WHERE id = {four_events[0]}")

        assert problems() == [missing(0, four_events[1])]

    def test_names_an_event_that_was_put_into_it(self, four_events: list[int]) -> None:
        forged = forge(action="log_checked")

        assert problems() == [altered(forged.pk)]
        record()  # the next event does not make it true
        assert problems() == [altered(forged.pk)]

    def test_names_events_that_were_swapped(self, four_events: list[int]) -> None:
        _, second, third, _ = four_events
        for old, new in ((second, -5), (third, second), (-5, third)):
            as_owner(ChangeEvent, f"UPDATE {{table}} SET id = {new} WHERE id = {old}")

        assert problems() == [altered(second), altered(third)]

    def test_names_an_event_that_lost_its_mac(self, four_events: list[int]) -> None:
        as_owner(ChangeEvent, f"UPDATE {{table}} SET mac = NULL WHERE id = {four_events[3]}")

        assert problems() == [no_mac(four_events[3])]

    def test_a_forged_check_does_not_say_that_the_log_is_intact(
        self, li_wei_at_work: Client, db: None
    ) -> None:
        facts = '{"is_intact": true, "is_whole": true, "attempts": 0, "first_seal": 1, '
        facts += '"last_seal": 0, "head": "0:", "first_broken": null, "problems": []}'
        ChangeEvent.objects.create(action="log_checked", actor="watch", facts=facts)
        page = li_wei_at_work.get("/admin/verification/seal/integrity/").text

        assert "watch" not in page


class TestFollowing:
    """`watch` follows the change log from round to round, outside of the database."""

    def test_the_next_round_reads_only_what_is_new(
        self, four_events: list[int], django_assert_max_num_queries: Any
    ) -> None:
        check = ChangeLogCheck()
        assert list(check.run()) == []
        as_owner(ChangeEvent, f"UPDATE {{table}} SET actor = 'x' WHERE id = {four_events[0]}")
        new = record()
        as_owner(ChangeEvent, f"UPDATE {{table}} SET actor = 'x' WHERE id = {new.pk}")

        assert list(check.run()) == [altered(new.pk)]
        assert list(check.run()) == []

    @pytest.mark.parametrize("then", ["nothing", "others are recorded", "it was altered"])
    def test_a_cut_end_shows(self, four_events: list[int], then: str) -> None:
        check, last = ChangeLogCheck(), four_events[-1]
        assert list(check.run()) == []
        assert check.find_cut() is None
        if then == "it was altered":
            as_owner(ChangeEvent, f"UPDATE {{table}} SET actor = 'x' WHERE id = {last}")
        else:
            as_owner(ChangeEvent, f"DELETE FROM {{table}} WHERE id >= {last}")
        if then == "others are recorded":
            record(2)

        assert check.find_cut() == (
            f"The change log lacks event {last}, which an earlier check has seen: its end was cut "
            "off or replaced."
        )

    def test_it_can_stop_in_the_middle(self, four_events: list[int]) -> None:
        for event in four_events[:2]:
            as_owner(ChangeEvent, f"UPDATE {{table}} SET actor = 'x' WHERE id = {event}")
        check = ChangeLogCheck()

        assert next(check.run()) == altered(four_events[0])
        assert list(check.run()) == [altered(four_events[1])]


class TestKeys:
    @pytest.fixture(autouse=True)
    def _old_key(self, db: None, settings: Any) -> None:
        settings.TOKEN_ENCRYPTION_KEYS = [OLD_KEY]
        record(2)

    def test_an_event_of_an_old_key_is_proven_by_the_next_one_of_a_new_key(
        self, settings: Any
    ) -> None:
        settings.TOKEN_ENCRYPTION_KEYS = [NEW_KEY, OLD_KEY]
        record(2)
        settings.TOKEN_ENCRYPTION_KEYS = [NEW_KEY]

        assert problems() == []
        first = events()[0].pk
        as_owner(ChangeEvent, f"UPDATE {{table}} SET actor = 'x' WHERE id = {first}")
        assert problems() == [missing(first, events()[1].pk), *unknown_keys(events()[0])]

    def test_one_that_the_writer_of_the_next_could_not_check_is_not_proven(
        self, settings: Any
    ) -> None:
        settings.TOKEN_ENCRYPTION_KEYS = [NEW_KEY]
        record(2)
        unknown = unknown_keys(events()[0], events()[1])

        assert problems() == unknown

    def test_a_forged_event_of_an_unknown_key_stays_a_problem(self, settings: Any) -> None:
        forged = forge(key_id="deadbeef")
        record(2)

        assert problems() == unknown_keys(forged)

    def test_processes_with_the_old_and_the_new_key_take_turns(self, settings: Any) -> None:
        for keys in ([NEW_KEY, OLD_KEY], [OLD_KEY], [NEW_KEY, OLD_KEY], [OLD_KEY]):
            settings.TOKEN_ENCRYPTION_KEYS = keys
            record()
        settings.TOKEN_ENCRYPTION_KEYS = [NEW_KEY, OLD_KEY]
        record()

        assert problems() == []
        settings.TOKEN_ENCRYPTION_KEYS = [NEW_KEY]
        assert problems() == []

    def test_no_mac_of_a_seal_fits_an_event(self) -> None:
        event = events()[0]
        event.mac = compute_mac(seal_keys()[event.key_id], digest_of(event))

        assert not is_genuine(event)


class TestTheReleaseBefore:
    """It writes events without a MAC, until all of its processes have ended."""

    def write(self, action: Action = Action.SIGNED_IN, **values: Any) -> ChangeEvent:
        return ChangeEvent.objects.create(action=action.value, actor="li.wei", **values)

    def test_its_events_are_bound_by_the_first_signed_one(self, db: None) -> None:
        before = [self.write() for _ in range(3)]
        first = record()
        assert problems() == []

        as_owner(ChangeEvent, f"UPDATE {{table}} SET actor = 'x' WHERE id = {before[1].pk}")
        assert problems() == [missing(0, first.pk)]

    def test_events_that_it_writes_during_the_roll_out_are_no_problem(self, db: None) -> None:
        self.write()
        record()
        self.write()
        record()

        assert problems() == []

    def test_later_ones_are(self, db: None) -> None:
        self.write()
        record()
        late = self.write(recorded_at=timezone.now() + timedelta(hours=1, seconds=1))

        assert problems() == [no_mac(late.pk)]

    def test_one_with_an_early_time_among_later_ones_is_as_well(
        self, db: None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.write()
        record()
        later = timezone.now() + timedelta(hours=2)
        monkeypatch.setattr(
            ChangeEvent._meta.get_field("recorded_at"), "_get_default", lambda: later
        )
        record()

        assert problems() == []
        late = self.write(recorded_at=timezone.now())
        assert problems() == [no_mac(late.pk)]

    def test_what_it_changes_meanwhile_is_not_compared(self, brand_a: OfficialAccount) -> None:
        with triggers_off(ChangeEvent):
            ChangeEvent.objects.all()._raw_delete(connection.alias)
        self.write()
        pks = [brand_a.pk]
        change_log.record(Action.ACCOUNTS_RECORDED, LI_WEI, changed_accounts=pks)
        OfficialAccount.objects.update(is_paused=True)
        self.write(Action.ACCOUNT_PAUSED, account=brand_a)

        assert problems() == []


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_many_processes_at_once_do_not_fork_the_chain(brand_a: OfficialAccount) -> None:
    failures: list[BaseException] = []

    def change(number: int) -> None:
        try:
            for step in range(20):
                act = [pause, resume][(number + step) % 2]
                act(brand_a, Actor(f"operator {number}"))
                change_log.record(Action.SIGNED_IN, Actor(f"operator {number}"))
        except BaseException as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=change, args=[number]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    assert ChangeEvent.objects.filter(action=Action.SIGNED_IN).count() == 160
    assert problems() == []


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("change", ["CACHE 20", "RESTART 1"])
def test_a_sequence_that_gives_lower_numbers_than_before_does_not_fork_the_chain(
    change: str, brand_a: OfficialAccount
) -> None:
    def work() -> None:
        record(5)
        connection.close()

    record()
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER SEQUENCE verification_changeevent_id_seq {change}")
    try:
        for _ in range(2):
            threads = [threading.Thread(target=work) for _ in range(3)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert ChangeEvent.objects.filter(action=Action.SIGNED_IN).count() == 31
        assert problems() == []
    finally:
        with connection.cursor() as cursor:
            cursor.execute("ALTER SEQUENCE verification_changeevent_id_seq CACHE 1")


@pytest.mark.postgresql
@pytest.mark.django_db(transaction=True)
def test_a_session_whose_isolation_a_pooler_has_lost_changes_nothing_and_says_why(
    brand_a: OfficialAccount,
) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET default_transaction_isolation = 'repeatable read'")
    try:
        with pytest.raises(OperationalError, match="a transaction is “repeatable read”"):
            pause(brand_a, LI_WEI)
        with translation.override("zh-hans"), pytest.raises(OperationalError) as refusal:
            pause(brand_a, LI_WEI)
        with translation.override("zh-hans"):
            assert str(refusal.value) == WRONG_ISOLATION.format(isolation="repeatable read")
    finally:
        connection.close()

    brand_a.refresh_from_db()
    assert not brand_a.is_paused
    assert problems() == []


def test_the_watch_reports_an_event_whose_key_nobody_has_and_that_vouches_for_an_altered_account(
    brand_a: OfficialAccount,
) -> None:
    watch = Watch([])
    watch.run_round()
    OfficialAccount.objects.update(notes="somebody else's")
    ChangeEvent.objects.create(
        actor="li.wei",
        action=Action.ACCOUNT_CHANGED,
        account=brand_a,
        key_id="deadbeef",
        mac=bytes(32),
        previous=digest_of(events()[-1]),
        account_digests=read_account_digests([brand_a.pk], AccountPart),
    )

    assert watch.run_round().has_log_problem
