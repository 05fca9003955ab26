from __future__ import annotations

import statistics
import time
from pathlib import Path

import pytest

from verification.tests.fire.conftest import RecordFigure
from verification.tests.fire.support.outage import CLIENTS, start_load_on, unrecorded_events
from verification.tests.fire.support.postgresql_server import PostgreSQLServer
from verification.tests.fire.support.run_length import short_or_long
from verification.tests.support.gunicorn import running_gunicorn

pytestmark = [pytest.mark.postgresql, pytest.mark.process]


def test_requests_are_refused_at_once_while_the_database_is_known_to_be_unavailable(
    postgresql: PostgreSQLServer, tmp_path: Path, figure: RecordFigure
) -> None:
    with (
        running_gunicorn(tmp_path / "output", DATABASE_URL=postgresql.url()) as server,
        start_load_on(server) as load,
    ):
        load.wait_for(200)
        with postgresql.frozen():
            server.wait_for("the database is unavailable", times=50)
            known = time.monotonic()
            time.sleep(short_or_long(2, 60))
            ended = time.monotonic()
        load.wait_for(200, since=ended)
    refused = [answer for answer in load.answers if known <= answer.begun and answer.ended <= ended]
    by_id = {event["request_id"]: event for event in unrecorded_events(server.lines())}
    events = [by_id[str(answer.request.id)] for answer in refused]
    server_ms = [event["duration"] / 1000 for event in events]
    client_ms = [answer.seconds * 1000 for answer in refused]

    figure(
        "While the database is known to be unavailable, requests are refused at once",
        target="503 within 5 ms, of 99 %, by the server's clock",
        measured=f"{statistics.quantiles(server_ms, n=100)[98]:.1f} ms, {len(events):,} × 503; "
        f"{statistics.median(client_ms):.1f} ms as the median of {CLIENTS} clients sees it",
        is_met=statistics.quantiles(server_ms, n=100)[98] < 5,
    )
    assert {answer.status for answer in refused} == {503}
    at_once = sum(event["why"].startswith("the database is unavailable") for event in events)
    assert at_once > len(events) / 2  # the other events: each worker has to find it out first
