"""Who has an answer has a record on disk, though the head's row is let go before that."""

from __future__ import annotations

from pathlib import Path

import pytest

from verification.tests.contract import A
from verification.tests.fire.conftest import KeepFigure
from verification.tests.fire.own_postgresql import OwnPostgreSQL, ask_database
from verification.tests.fire.scale import scale
from verification.tests.gunicorn import running_gunicorn
from verification.tests.signer import verification

pytestmark = pytest.mark.postgresql

ALL_IS_ON_DISK = "SELECT pg_current_wal_insert_lsn() <= pg_current_wal_flush_lsn()"
ATTEMPTS = scale(10, 1_000)
#: PostgreSQL itself writes something now and then.
LEAST = ATTEMPTS * 9 // 10


def set_for_everybody(url: str, setting: str) -> None:
    ask_database(url, f"ALTER ROLE gateway SET synchronous_commit = {setting}; SELECT 1")


@pytest.mark.parametrize("setting", ["on", "off"])
def test_what_is_answered_is_on_disk(
    postgresql: OwnPostgreSQL, tmp_path: Path, figure: KeepFigure, setting: str
) -> None:
    url, on_disk = postgresql.url(), 0
    set_for_everybody(url, setting)
    with running_gunicorn(tmp_path / "output", DATABASE_URL=url) as server:
        for number in range(ATTEMPTS):
            query = verification(A, nonce=str(number))
            answer = server.send(f"GET /wechat/brand-a?{query} HTTP/1.0\r\n\r\n".encode())
            assert b" 200 " in answer.splitlines()[0]
            on_disk += ask_database(url, ALL_IS_ON_DISK)
    figure(
        f"What is answered is on disk, with synchronous_commit = {setting}",
        target=f"≥ {LEAST:,} of {ATTEMPTS:,} times nothing in the WAL is left to flush when the "
        "answer is there; PostgreSQL itself writes now and then",
        measured=f"{on_disk:,} of {ATTEMPTS:,} times",
        is_met=on_disk >= LEAST,
    )
    assert on_disk >= LEAST


def test_what_waits_for_nothing_is_seen_not_to_be(postgresql: OwnPostgreSQL) -> None:
    """PostgreSQL's own writer comes by five times a second: this measure can tell."""
    url = postgresql.url()
    set_for_everybody(url, "off")
    write = "BEGIN; SELECT pg_logical_emit_message(true, 'test', ''); COMMIT;"

    assert sum(ask_database(url, write + ALL_IS_ON_DISK) for _ in range(ATTEMPTS)) <= ATTEMPTS / 2
