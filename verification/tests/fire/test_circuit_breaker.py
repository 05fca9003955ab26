from __future__ import annotations

import statistics
import time
from pathlib import Path

import pytest

from verification.tests.fire.conftest import KeepFigure
from verification.tests.fire.support.ordeal import CLIENTS, crowd_of, unrecorded_lines
from verification.tests.fire.support.own_postgresql import OwnPostgreSQL
from verification.tests.fire.support.scale import scale
from verification.tests.support.gunicorn import running_gunicorn

pytestmark = [pytest.mark.postgresql, pytest.mark.process]


def test_while_the_database_is_known_to_be_away_nobody_waits_for_it(
    postgresql: OwnPostgreSQL, tmp_path: Path, figure: KeepFigure
) -> None:
    with (
        running_gunicorn(tmp_path / "output", DATABASE_URL=postgresql.url()) as server,
        crowd_of(server) as crowd,
    ):
        crowd.wait_for(200)
        with postgresql.frozen():
            server.wait_for("the database is unavailable", times=50)
            known = time.monotonic()
            time.sleep(scale(2, 60))
            ended = time.monotonic()
        crowd.wait_for(200, since=ended)
    refused = [it for it in crowd.answers if known <= it.begun and it.ended <= ended]
    lines = {line["request_id"]: line for line in unrecorded_lines(server.lines())}
    told = [lines[str(answer.request.id)] for answer in refused]
    server_ms = [line["duration"] / 1000 for line in told]
    client_ms = [answer.seconds * 1000 for answer in refused]

    figure(
        "While the database is known to be away, nobody waits for it",
        target="503 within 5 ms, of 99 %, by the server's clock",
        measured=f"{statistics.quantiles(server_ms, n=100)[98]:.1f} ms, {len(told):,} × 503; "
        f"{statistics.median(client_ms):.1f} ms as the median of {CLIENTS} clients sees it",
        is_met=statistics.quantiles(server_ms, n=100)[98] < 5,
    )
    assert {answer.status for answer in refused} == {503}
    away = sum(line["why"].startswith("the database is unavailable") for line in told)
    assert away > len(told) / 2  # a worker that nobody had asked yet finds out by itself
