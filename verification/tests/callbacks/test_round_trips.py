"""On PostgreSQL, a batch takes two round trips, unless another process was quicker."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from threading import Event

import pytest
from django.db import connection, transaction

from verification.audit_log.canonical import COLUMNS
from verification.audit_log.verifier import verify_audit
from verification.callbacks.postgresql_store import PostgreSQLAttemptStore
from verification.callbacks.recording import verify
from verification.callbacks.store import Batch
from verification.models import OfficialAccount, Seal, Tally, Token, VerificationAttempt
from verification.protocol.enums import Outcome
from verification.protocol.reply import Verdict
from verification.tests.support.accounts import make_account
from verification.tests.support.adapter import A, B
from verification.tests.support.callback_factory import make_callback
from verification.tests.support.signer import verification

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]

CountQueries = Callable[[int], AbstractContextManager[object]]


@pytest.fixture
def used(brand_a: OfficialAccount) -> OfficialAccount:
    """Return an account whose token WeChat has used, and a log that has begun."""
    verify([make_callback(verification(A))])
    return brand_a


def interrupt(monkeypatch: pytest.MonkeyPatch, other: Callable[[], object]) -> None:
    """Let another process act between the two round trips of the next batch."""
    write = PostgreSQLAttemptStore.write_if_unmoved

    def act() -> None:
        other()
        connection.close()

    def write_later(store: PostgreSQLAttemptStore, batch: Batch) -> bool:
        monkeypatch.setattr(PostgreSQLAttemptStore, "write_if_unmoved", write)
        with ThreadPoolExecutor(1) as process:
            process.submit(act).result()
        return write(store, batch)

    monkeypatch.setattr(PostgreSQLAttemptStore, "write_if_unmoved", write_later)


@pytest.mark.parametrize("size", [1, 30])
def test_a_batch_of_any_size_takes_two_round_trips(
    used: OfficialAccount, django_assert_num_queries: CountQueries, size: int
) -> None:
    with django_assert_num_queries(2):
        verify([make_callback(verification(token)) for token in (A, B) * size])


def test_a_batch_continues_the_chain_of_a_process_that_was_quicker(
    used: OfficialAccount,
    monkeypatch: pytest.MonkeyPatch,
    django_assert_num_queries: CountQueries,
) -> None:
    interrupt(monkeypatch, lambda: verify([make_callback(verification(B))]))
    with django_assert_num_queries(4):
        verify([make_callback(verification(A))])

    attempts = VerificationAttempt.objects.order_by("id")
    accepted, refused = Outcome.ACCEPTED, Outcome.REFUSED
    assert [attempt.outcome for attempt in attempts] == [accepted, refused, accepted]
    assert [attempt.recorded_at for attempt in attempts] == sorted(
        attempt.recorded_at for attempt in attempts
    )
    assert Seal.objects.count() == 3
    assert sum(tally.count for tally in Tally.objects.all()) == 3
    assert verify_audit().problems == []


def test_the_wait_for_a_quicker_process_counts_as_duration(
    used: OfficialAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    def act_slowly() -> None:
        verify([make_callback(verification(B))])
        time.sleep(0.3)

    interrupt(monkeypatch, act_slowly)
    verify([make_callback(verification(A))])

    assert VerificationAttempt.objects.latest("id").duration >= 300_000


def test_nothing_is_recorded_if_the_head_disappears(
    used: OfficialAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    def remove_head() -> None:
        with connection.cursor() as cursor:
            cursor.execute("SET session_replication_role = replica")
            cursor.execute("DELETE FROM verification_chainhead")
            cursor.execute("SET session_replication_role = origin")

    interrupt(monkeypatch, remove_head)
    with pytest.raises(Exception, match="HeadMissing"):
        verify([make_callback(verification(A))])

    assert VerificationAttempt.objects.count() == 1


def test_writers_behind_a_pooler_do_not_refuse_each_other(used: OfficialAccount) -> None:
    """A pooler may give each transaction a session with defaults of its own."""

    def verify_ten_times(_thread: int) -> list[Outcome]:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SET default_transaction_isolation = 'serializable'")
            return [verify([make_callback(verification(A))])[0].outcome for _ in range(10)]
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as threads:
        outcomes = [*threads.map(verify_ten_times, range(4))]

    assert outcomes == 4 * [10 * [Outcome.ACCEPTED]]
    assert verify_audit().problems == []


def test_the_function_writes_every_column_in_the_order_of_canonical_lines() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT prosrc FROM pg_proc WHERE proname = 'verification_write'")
        source = str(cursor.fetchone()[0])
    columns = source.partition("INTO verification_verificationattempt (")[2].partition(")")[0]

    assert re.findall(r"\w+", columns) == [*COLUMNS]


@pytest.mark.parametrize(
    "text", ["", "\\N", "\\\\", "\\t\\n", "'\"", "{a,b}", "(,)", "null", " x ", "%s", "$1 $$ E'"]
)
def test_every_text_is_stored_as_it_was_received(used: OfficialAccount, text: str) -> None:
    verify([make_callback(verification(B), headers={"user-agent": text})])

    assert VerificationAttempt.objects.latest("id").user_agent == text
    assert verify_audit().problems == []


def test_first_uses_lock_tokens_in_the_order_in_which_keys_are_rotated(
    brand_a: OfficialAccount,
) -> None:
    """A transaction that has an older token, and wants a newer one, must not wait forever."""
    brand_b = make_account("brand-b", B)
    first = brand_a.tokens.get()
    taken, may_go_on = Event(), Event()

    def rotate() -> None:
        with transaction.atomic():
            Token.objects.filter(pk=first.pk).update(first_used_at=None)
            taken.set()
            may_go_on.wait(5)
            Token.objects.filter(account=brand_b).update(first_used_at=None)
        connection.close()

    def use() -> list[Verdict]:
        callbacks = [
            make_callback(verification(B), path=b"/wechat/brand-b"),
            make_callback(verification(A)),
        ]
        try:
            return verify(callbacks)
        finally:
            connection.close()

    with ThreadPoolExecutor(2) as threads:
        rotation = threads.submit(rotate)
        taken.wait(5)
        verdicts = threads.submit(use)
        time.sleep(0.3)  # until it waits for the first token
        may_go_on.set()
        rotation.result()
        assert [verdict.outcome for verdict in verdicts.result()] == 2 * [Outcome.ACCEPTED]
