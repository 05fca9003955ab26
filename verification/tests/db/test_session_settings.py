"""Recording and checking the log do not depend on what the database sets for its sessions."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import psycopg2
import pytest
from django.db import connection

from verification.audit_log.verifier import verify_audit
from verification.callbacks.postgresql_store import PostgreSQLAttemptStore
from verification.callbacks.recording import verify
from verification.models import OfficialAccount
from verification.protocol.enums import Outcome
from verification.tests.support.adapter import A
from verification.tests.support.callback_factory import make_callback
from verification.tests.support.gunicorn import database_url
from verification.tests.support.signer import verification

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]

#: What an administrator may have set for programs of another kind.
SETTINGS = {
    "bytea_output": "escape",
    "timezone": "Asia/Kolkata",
    "DateStyle": "SQL, DMY",
    "IntervalStyle": "sql_standard",
    "extra_float_digits": "-5",
    "standard_conforming_strings": "off",
    "default_transaction_isolation": "repeatable read",
    "default_transaction_deferrable": "on",
}


@contextmanager
def set_for_the_database(settings: dict[str, str]) -> Iterator[None]:
    """Set the defaults of new sessions of this database, and begin a new session."""
    name = connection.ops.quote_name(str(connection.settings_dict["NAME"]))
    with connection.cursor() as cursor:
        for setting, value in settings.items():
            cursor.execute(f"ALTER DATABASE {name} SET {setting} = %s", [value])
    connection.close()
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER DATABASE {name} RESET ALL")
        connection.close()


def show(setting: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"SHOW {setting}")
        return str(cursor.fetchone()[0])


def verify_ten_times(_thread: int) -> list[Outcome]:
    try:
        return [verify([make_callback(verification(A))])[0].outcome for _ in range(10)]
    finally:
        connection.close()


def test_the_log_is_intact_whatever_the_database_sets(brand_a: OfficialAccount) -> None:
    with set_for_the_database(SETTINGS):
        verify([make_callback(verification(A))])
        assert verify_audit().problems == []
        assert show("bytea_output") == "escape"  # the setting took effect


def test_processes_that_record_at_once_do_not_refuse_each_other(brand_a: OfficialAccount) -> None:
    with set_for_the_database(SETTINGS), ThreadPoolExecutor(4) as threads:
        outcomes = list(threads.map(verify_ten_times, range(4)))

    assert outcomes == 4 * [10 * [Outcome.ACCEPTED]]
    assert verify_audit().attempts == 40


def test_a_batch_has_the_isolation_that_it_needs_behind_a_pooler(brand_a: OfficialAccount) -> None:
    """A pooler may give each transaction another session, with defaults of its own."""
    with connection.cursor() as cursor:
        cursor.execute("SET default_transaction_isolation = 'repeatable read'")
    store = PostgreSQLAttemptStore()
    with store.transaction():
        store.lock_head()
        assert show("transaction_isolation") == "read committed"


def test_a_batch_has_the_time_that_it_needs_whatever_the_database_allows(
    brand_a: OfficialAccount,
) -> None:
    """Another process holds the head for longer than statement_timeout."""
    verify([make_callback(verification(A))])
    with set_for_the_database({"statement_timeout": "200ms"}):
        other = psycopg2.connect(database_url())
        other.cursor().execute("SELECT 1 FROM verification_chainhead FOR UPDATE")
        release = threading.Timer(0.5, other.close)
        release.start()
        [verdict] = verify([make_callback(verification(A))])
        release.join()

    assert verdict.outcome is Outcome.ACCEPTED
    assert verify_audit().attempts == 2


def test_every_transaction_of_the_pages_and_the_relay_has_the_isolation_that_it_needs() -> None:
    with set_for_the_database({"default_transaction_isolation": "serializable"}):
        assert show("transaction_isolation") == "read committed"
