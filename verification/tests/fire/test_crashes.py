from __future__ import annotations

import os
import random
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest

from verification.models import OfficialAccount
from verification.tests.fire.conftest import RecordFigure
from verification.tests.fire.support.load_generator import LoadGenerator
from verification.tests.fire.support.log_comparison import compare_with_log
from verification.tests.fire.support.postgresql_server import PostgreSQLServer, manage
from verification.tests.fire.support.processes import children
from verification.tests.fire.support.run_length import short_or_long
from verification.tests.support.gunicorn import Gunicorn, database_url, running_gunicorn

pytestmark = [pytest.mark.postgresql, pytest.mark.process]


def kill_a_worker(server: Gunicorn) -> None:
    with suppress(ProcessLookupError):
        os.kill(random.choice(children(server.process.pid)), signal.SIGKILL)


# 200,000 requests take some two minutes, with a kill a second.
def test_answered_attempts_are_recorded_once_even_if_workers_are_killed(
    transactional_db: None, brand_a: OfficialAccount, tmp_path: Path, figure: RecordFigure
) -> None:
    clients, kills = 64, 0
    with (
        running_gunicorn(tmp_path / "output", WEB_CONCURRENCY="3") as server,
        LoadGenerator(server.port, clients=clients, limit=short_or_long(2_000, 200_000)) as load,
    ):
        load.wait_for(200)
        while load.is_running:
            kill_a_worker(server)
            kills += 1
            load.thread.join(1)
            load.wait_for_progress()  # otherwise a slow machine would make none between two kills
    compared = compare_with_log(load.answers, database_url())
    is_met = not (compared.missing or compared.duplicates or compared.wrong)
    is_met = is_met and {answer.status for answer in load.answers} <= {0, 200, 400, 403, 503}
    is_met = is_met and compared.unanswered <= kills * clients

    figure(
        "Every answered attempt is recorded exactly once, even if workers are killed with -9",
        target="0 missing, 0 duplicates (refusals that share a row by their number), "
        "unanswered only what was under way at a kill",
        measured=f"{compared.missing} missing, {compared.duplicates} duplicates in "
        f"{compared.answered:,} answers; {kills} kills, {compared.unanswered} unanswered",
        is_met=is_met,
    )
    assert is_met
    assert "is intact" in manage(database_url(), "verify_audit")


def test_no_answered_attempt_is_lost_when_postgresql_stops_without_a_checkpoint(
    postgresql: PostgreSQLServer, tmp_path: Path, figure: RecordFigure
) -> None:
    returns: list[float] = []
    with (
        running_gunicorn(tmp_path / "output", DATABASE_URL=postgresql.url()) as server,
        LoadGenerator(server.port, clients=32, pause=0.01) as load,
    ):
        for _ in range(short_or_long(2, 20)):
            load.wait_for(200, since=time.monotonic())
            time.sleep(random.uniform(0, 0.5))
            returns.append(restart(postgresql, load))
    compared = compare_with_log(load.answers, postgresql.url())
    flaws = compared.missing, compared.duplicates, compared.wrong, compared.unanswered
    statuses = {answer.status for answer in load.answers}
    is_met = not any(flaws) and statuses <= {200, 400, 403, 503}

    figure(
        "No answered attempt is lost when PostgreSQL stops without a checkpoint",
        target="0 lost; only 200, 403, 503, and 400 for what was malformed; "
        "first 200 within 1 s of its return",
        measured=f"{compared.missing} lost in {compared.answered:,} answers, {len(returns)} stops; "
        f"first 200 after {max(returns):.2f} s at most",
        is_met=is_met and max(returns) <= 1,
    )
    assert is_met
    assert "is intact" in manage(postgresql.url(), "verify_audit")


def restart(postgresql: PostgreSQLServer, load: LoadGenerator) -> float:
    """Stop and start PostgreSQL, and return the seconds from its start to the first 200."""
    postgresql.stop_immediately()
    load.wait_for(503, since=time.monotonic())
    postgresql.start()
    started = time.monotonic()
    return load.wait_for(200, since=started).ended - started
