from __future__ import annotations

from collections.abc import Callable, Iterator

import psycopg2
import pytest
from django.db import connection

from verification.callbacks.recording import Unrecorded, probe_database, verify
from verification.models import OfficialAccount
from verification.protocol.enums import Outcome
from verification.tests.support.adapter import A
from verification.tests.support.callback_factory import make_callback
from verification.tests.support.gunicorn import database_url
from verification.tests.support.signer import verification

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]


def is_accepted() -> bool:
    return verify([make_callback(verification(A))])[0].outcome is Outcome.ACCEPTED


def process_id() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        return int(cursor.fetchone()[0])


def end_session(number: int) -> None:
    """End a session, as a restart of PostgreSQL does, and wait until it has ended."""
    administrator = psycopg2.connect(database_url())
    administrator.autocommit = True
    with administrator.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 10000)", [number])
        assert cursor.fetchone() == (True,)
    administrator.close()


def test_a_session_that_ended_while_idle_is_replaced_without_a_failed_callback(
    brand_a: OfficialAccount,
) -> None:
    assert is_accepted()
    before = process_id()
    end_session(before)

    assert is_accepted()
    assert process_id() != before


def test_a_connection_that_we_closed_is_opened_again(brand_a: OfficialAccount) -> None:
    assert is_accepted()
    connection.connection.close()

    assert is_accepted()


def test_a_working_session_is_kept(brand_a: OfficialAccount) -> None:
    assert is_accepted()
    before = process_id()

    assert is_accepted()
    assert process_id() == before


def test_probes_of_a_locked_table_leave_no_waiting_sessions(
    brand_a: OfficialAccount,
) -> None:
    assert is_accepted()
    administrator = psycopg2.connect(database_url())
    with administrator, administrator.cursor() as cursor:
        cursor.execute("LOCK TABLE verification_chainhead IN ACCESS EXCLUSIVE MODE")
        obstacles = [str(probe_database()) for _ in range(3)]
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
        waiting = cursor.fetchone()
    administrator.close()

    assert {obstacle.partition(":")[0] for obstacle in obstacles} == {"OperationalError 55P03"}
    assert waiting == (0,)
    assert is_accepted()


@pytest.fixture
def set_new_sessions_read_only() -> Iterator[Callable[[str], None]]:
    """Return a function that makes new sessions read-only ("on") or not ("off")."""
    administrator = psycopg2.connect(database_url())
    administrator.autocommit = True

    def are_read_only(setting: str) -> None:
        name = connection.settings_dict["NAME"]
        with administrator.cursor() as cursor:
            cursor.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = {setting}")

    yield are_read_only
    are_read_only("off")
    administrator.close()
    connection.close()


def test_callbacks_are_recorded_again_after_the_database_was_read_only(
    brand_a: OfficialAccount, set_new_sessions_read_only: Callable[[str], None]
) -> None:
    """A session keeps the setting that it began with."""
    set_new_sessions_read_only("on")
    connection.close()
    with pytest.raises(Unrecorded, match="25006: cannot execute"):
        is_accepted()
    assert "25006" in str(probe_database())  # The circuit stays open.
    set_new_sessions_read_only("off")

    assert probe_database() is None
    assert is_accepted()
