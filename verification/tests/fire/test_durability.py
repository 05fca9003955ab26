"""An answered attempt is on disk, although the lock on the chain head is released before."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import psycopg2
import pytest

from verification.tests.fire.conftest import RecordFigure
from verification.tests.fire.support.postgresql_server import PostgreSQLServer
from verification.tests.fire.support.run_length import short_or_long
from verification.tests.support.adapter import A
from verification.tests.support.gunicorn import running_gunicorn
from verification.tests.support.signer import verification

pytestmark = pytest.mark.postgresql

ATTEMPTS = short_or_long(10, 1_000)
#: Selects from the tallies because every answer changes one, while an accepted push has no row.
WRITER = "SELECT xmin::text FROM verification_tally ORDER BY last_at DESC LIMIT 1"
ASYNCHRONOUS_WRITE = "SELECT pg_current_xact_id()::text, pg_logical_emit_message(true, 'test', '')"
ON_DISK = "SELECT pg_current_wal_flush_lsn()::text"
#: A commit in pg_waldump's output: its length, its transaction and its position.
COMMIT = re.compile(r"rec/tot\): +\d+/ *(\d+), tx: +(\d+), lsn: (\S+), .* COMMIT ")


class Observation(NamedTuple):
    """Holds the state of the database when an answer had arrived."""

    on_disk: str  #: the end of the WAL on disk
    transaction: str  #: the transaction that recorded the answered attempt


@contextmanager
def session_at(url: str) -> Iterator[Any]:
    with closing(psycopg2.connect(url)) as session:
        session.autocommit = True
        yield session.cursor()


def ask(cursor: Any, statement: str) -> str:
    cursor.execute(statement)
    return str(cursor.fetchone()[0])


def raw_callback(number: int) -> bytes:
    """Return a push if the number is odd, otherwise a URL verification."""
    method = "POST" if number % 2 else "GET"
    query = verification(A, nonce=str(number))
    return f"{method} /wechat/brand-a?{query} HTTP/1.0\r\n\r\n".encode()


def set_synchronous_commit(url: str, setting: str) -> None:
    with session_at(url) as cursor:
        cursor.execute(f"ALTER ROLE gateway SET synchronous_commit = {setting}")


def commits(postgresql: PostgreSQLServer, start: str) -> dict[str, int]:
    """Return the position in the WAL at which the COMMIT of each transaction since `start` ends."""
    with session_at(postgresql.url()) as cursor:
        ask(cursor, "SELECT pg_switch_wal()")  # writes everything before it to disk
        end = ask(cursor, ON_DISK)
    postgresql.call("pg_waldump", "--path=data/pg_wal", f"--start={start}", f"--end={end}")
    found = COMMIT.findall((postgresql.cluster.directory / "log").read_text())
    return {number: lsn_to_bytes(lsn) + int(length) for length, number, lsn in found}


def lsn_to_bytes(lsn: str) -> int:
    """Return the position in bytes: 2/A8 is the byte 2 * 2**32 + 0xA8."""
    high, low = lsn.split("/")
    return (int(high, 16) << 32) + int(low, 16)


def count_on_disk(observations: Sequence[Observation], ends: dict[str, int]) -> int:
    return sum(
        ends[observation.transaction] <= lsn_to_bytes(observation.on_disk)
        for observation in observations
    )


@pytest.mark.parametrize("setting", ["on", "off"])
def test_an_answered_attempt_is_on_disk(
    postgresql: PostgreSQLServer, tmp_path: Path, figure: RecordFigure, setting: str
) -> None:
    url, observations = postgresql.url(), []
    set_synchronous_commit(url, setting)
    with (
        session_at(url) as cursor,
        running_gunicorn(tmp_path / "output", DATABASE_URL=url) as server,
    ):
        start = ask(cursor, ON_DISK)
        for number in range(ATTEMPTS):
            answer = server.send(raw_callback(number))
            observations.append(Observation(ask(cursor, ON_DISK), ask(cursor, WRITER)))
            assert b" 200 " in answer.splitlines()[0]
    on_disk = count_on_disk(observations, commits(postgresql, start))

    figure(
        f"An answered attempt is on disk, with synchronous_commit = {setting}",
        target=f"of {ATTEMPTS:,}, every other one a push, all have their COMMIT in the WAL on disk "
        "a round trip after the answer",
        measured=f"{on_disk:,} of {ATTEMPTS:,}",
        is_met=on_disk == ATTEMPTS,
    )
    assert on_disk == ATTEMPTS


def test_a_commit_that_does_not_wait_is_found_not_to_be_on_disk(
    postgresql: PostgreSQLServer,
) -> None:
    """The measurement detects a missing wait: PostgreSQL's WAL writer runs every 200 ms only."""
    set_synchronous_commit(postgresql.url(), "off")
    with session_at(postgresql.url()) as cursor:
        start = ask(cursor, ON_DISK)
        writes = [(ask(cursor, ASYNCHRONOUS_WRITE), ask(cursor, ON_DISK)) for _ in range(ATTEMPTS)]
    observations = [Observation(on_disk, transaction) for transaction, on_disk in writes]

    assert count_on_disk(observations, commits(postgresql, start)) <= ATTEMPTS / 2
