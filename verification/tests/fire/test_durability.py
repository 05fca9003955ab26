"""Who has an answer has a record on disk, though the head's row is let go before that."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import psycopg2
import pytest

from verification.tests.fire.conftest import KeepFigure
from verification.tests.fire.support.own_postgresql import OwnPostgreSQL
from verification.tests.fire.support.scale import scale
from verification.tests.support.adapter import A
from verification.tests.support.gunicorn import running_gunicorn
from verification.tests.support.signer import verification

pytestmark = pytest.mark.postgresql

ATTEMPTS = scale(10, 1_000)
#: A tally is written with every answer, a row of its own not for an accepted push.
WRITER = "SELECT xmin::text FROM verification_tally ORDER BY last_at DESC LIMIT 1"
SOMETHING = "SELECT pg_current_xact_id()::text, pg_logical_emit_message(true, 'test', '')"
ON_DISK = "SELECT pg_current_wal_flush_lsn()::text"
#: As pg_waldump tells of one: its length, its transaction, its place.
COMMIT = re.compile(r"rec/tot\): +\d+/ *(\d+), tx: +(\d+), lsn: (\S+), .* COMMIT ")


class Seen(NamedTuple):
    """When an answer was there."""

    on_disk: str  #: the WAL, up to this place
    transaction: str  #: that wrote what was answered


@contextmanager
def session_at(url: str) -> Iterator[Any]:
    with closing(psycopg2.connect(url)) as session:
        session.autocommit = True
        yield session.cursor()


def ask(cursor: Any, statement: str) -> str:
    cursor.execute(statement)
    return str(cursor.fetchone()[0])


def raw_callback(number: int) -> bytes:
    """A push, if the number is odd."""
    method = "POST" if number % 2 else "GET"
    query = verification(A, nonce=str(number))
    return f"{method} /wechat/brand-a?{query} HTTP/1.0\r\n\r\n".encode()


def set_for_everybody(url: str, setting: str) -> None:
    with session_at(url) as cursor:
        cursor.execute(f"ALTER ROLE gateway SET synchronous_commit = {setting}")


def commits(postgresql: OwnPostgreSQL, start: str) -> dict[str, int]:
    """Where in the WAL each transaction since then has its COMMIT, to the end of it."""
    with session_at(postgresql.url()) as cursor:
        ask(cursor, "SELECT pg_switch_wal()")  # so that all before is on disk
        end = ask(cursor, ON_DISK)
    postgresql.call("pg_waldump", "--path=data/pg_wal", f"--start={start}", f"--end={end}")
    told = COMMIT.findall((postgresql.cluster.directory / "log").read_text())
    return {number: as_number(place) + int(length) for length, number, place in told}


def as_number(place: str) -> int:
    """2/A8 is the byte 2 * 2**32 + 0xA8."""
    high, low = place.split("/")
    return (int(high, 16) << 32) + int(low, 16)


def count_on_disk(seen: Sequence[Seen], ends: dict[str, int]) -> int:
    return sum(ends[it.transaction] <= as_number(it.on_disk) for it in seen)


@pytest.mark.parametrize("setting", ["on", "off"])
def test_what_is_answered_is_on_disk(
    postgresql: OwnPostgreSQL, tmp_path: Path, figure: KeepFigure, setting: str
) -> None:
    url, seen = postgresql.url(), []
    set_for_everybody(url, setting)
    with (
        session_at(url) as cursor,
        running_gunicorn(tmp_path / "output", DATABASE_URL=url) as server,
    ):
        start = ask(cursor, ON_DISK)
        for number in range(ATTEMPTS):
            answer = server.send(raw_callback(number))
            seen.append(Seen(ask(cursor, ON_DISK), ask(cursor, WRITER)))
            assert b" 200 " in answer.splitlines()[0]
    on_disk = count_on_disk(seen, commits(postgresql, start))

    figure(
        f"What is answered is on disk, with synchronous_commit = {setting}",
        target=f"all of {ATTEMPTS:,} attempts, half of them pushes, have their COMMIT in the WAL "
        "on disk a round trip after the answer",
        measured=f"{on_disk:,} of {ATTEMPTS:,}",
        is_met=on_disk == ATTEMPTS,
    )
    assert on_disk == ATTEMPTS


def test_what_waits_for_nothing_is_seen_not_to_be(postgresql: OwnPostgreSQL) -> None:
    """PostgreSQL's own writer comes by five times a second: this measure can tell."""
    set_for_everybody(postgresql.url(), "off")
    with session_at(postgresql.url()) as cursor:
        start = ask(cursor, ON_DISK)
        transactions = [(ask(cursor, SOMETHING), ask(cursor, ON_DISK)) for _ in range(ATTEMPTS)]
    seen = [Seen(on_disk, transaction) for transaction, on_disk in transactions]

    assert count_on_disk(seen, commits(postgresql, start)) <= ATTEMPTS / 2
