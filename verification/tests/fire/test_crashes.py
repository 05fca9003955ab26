from __future__ import annotations

import os
import random
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest

from verification.models import OfficialAccount
from verification.tests.fire.conftest import KeepFigure
from verification.tests.fire.support.crowd import Crowd
from verification.tests.fire.support.held_against import hold_against
from verification.tests.fire.support.own_postgresql import OwnPostgreSQL, manage
from verification.tests.fire.support.processes import children
from verification.tests.fire.support.scale import scale
from verification.tests.support.gunicorn import Gunicorn, database_url, running_gunicorn

pytestmark = [pytest.mark.postgresql, pytest.mark.process]


def kill_somebody(server: Gunicorn) -> None:
    with suppress(ProcessLookupError):
        os.kill(random.choice(children(server.process.pid)), signal.SIGKILL)


# 200,000 requests take some two minutes, with a kill a second.
def test_what_was_answered_is_on_record_though_workers_are_killed(
    transactional_db: None, brand_a: OfficialAccount, tmp_path: Path, figure: KeepFigure
) -> None:
    clients, kills = 64, 0
    with (
        running_gunicorn(tmp_path / "output", WEB_CONCURRENCY="3") as server,
        Crowd(server.port, clients=clients, enough=scale(2_000, 200_000)) as crowd,
    ):
        crowd.wait_for(200)
        while crowd.is_busy:
            kill_somebody(server)
            kills += 1
            crowd.thread.join(1)
            crowd.wait_for_more()  # or a slow machine would never be done
    found = hold_against(crowd.answers, database_url())
    is_met = not (found.missing or found.duplicates or found.wrong)
    is_met = is_met and {it.status for it in crowd.answers} <= {0, 200, 400, 403, 503}
    is_met = is_met and found.unanswered <= kills * clients

    figure(
        "An answered attempt is recorded exactly once, even if workers are killed with -9",
        target="0 missing, 0 duplicates (refusals that share a row are counted); "
        "only requests under way at a kill are unanswered",
        measured=f"{found.missing} missing, {found.duplicates} duplicates in "
        f"{found.answered:,} answers; {kills} kills, {found.unanswered} unanswered",
        is_met=is_met,
    )
    assert is_met
    assert "is intact" in manage(database_url(), "verify_audit")


def test_nothing_is_lost_when_postgresql_stops_at_once(
    postgresql: OwnPostgreSQL, tmp_path: Path, figure: KeepFigure
) -> None:
    returns: list[float] = []
    with (
        running_gunicorn(tmp_path / "output", DATABASE_URL=postgresql.url()) as server,
        Crowd(server.port, clients=32, pause=0.01) as crowd,
    ):
        for _ in range(scale(2, 20)):
            crowd.wait_for(200, since=time.monotonic())
            time.sleep(random.uniform(0, 0.5))
            returns.append(restart(postgresql, crowd))
    found = hold_against(crowd.answers, postgresql.url())
    broken = found.missing, found.duplicates, found.wrong, found.unanswered
    is_met = not any(broken) and {it.status for it in crowd.answers} <= {200, 400, 403, 503}

    figure(
        "Nothing is lost when PostgreSQL stops immediately",
        target="0 lost; only 200, 403, 503, and 400 for malformed requests; "
        "first 200 within 1 s of its return",
        measured=f"{found.missing} lost in {found.answered:,} answers, {len(returns)} stops; "
        f"first 200 after {max(returns):.2f} s at most",
        is_met=is_met and max(returns) <= 1,
    )
    assert is_met
    assert "is intact" in manage(postgresql.url(), "verify_audit")


def restart(postgresql: OwnPostgreSQL, crowd: Crowd) -> float:
    """Seconds from PostgreSQL's return to the first 200."""
    postgresql.stop_immediately()
    crowd.wait_for(503, since=time.monotonic())
    postgresql.start()
    returned = time.monotonic()
    return crowd.wait_for(200, since=returned).ended - returned
