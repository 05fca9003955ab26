"""Anyone can call a server URL: a flood has a bounded cost, and WeChat is answered meanwhile."""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from verification.tests.fire.conftest import RecordFigure
from verification.tests.fire.support.load_generator import Answer, LoadGenerator
from verification.tests.fire.support.log_comparison import read_log
from verification.tests.fire.support.postgresql_server import PostgreSQLServer, manage, query_number
from verification.tests.fire.support.run_length import short_or_long
from verification.tests.fire.support.traffic import Request, raw_request
from verification.tests.support.adapter import A, B
from verification.tests.support.gunicorn import Gunicorn, running_gunicorn
from verification.tests.support.signer import verification

pytestmark = [pytest.mark.postgresql, pytest.mark.process]

#: The number of the first hostile request; WeChat's are numbered from 1.
FIRST_HOSTILE = 10**6
MEGABYTE = 1024 * 1024
REPLAYED = verification(A, nonce="1512810825")


def hostile_requests() -> Iterator[Request]:
    """Yield forged signatures, replays of one valid URL, and made-up paths, from many sources."""
    chance = random.Random(7)
    for number in count(FIRST_HOSTILE):
        source = f"X-Forwarded-For: 203.0.{chance.randrange(256)}.{chance.randrange(256)}\r\n"
        slug, query = chance.choice(
            [
                ("brand-a", verification(B, nonce=str(number))),
                ("brand-a", REPLAYED),
                (f"{chance.randrange(10**9)}", verification(B, nonce=str(number))),
            ]
        )
        line = f"GET /wechat/{slug}?{query} HTTP/1.1\r\nHost: wx.example.cn\r\n{source}\r\n"
        yield Request(number, 200 if query == REPLAYED else 403, line.encode())


def legitimate_requests() -> Iterator[Request]:
    return (Request(number, 200, raw_request(number, 200)) for number in count(1))


def size_of(url: str) -> int:
    return int(query_number(url, "SELECT pg_database_size(current_database())"))


def count_tallied(url: str) -> int:
    return int(query_number(url, "SELECT COALESCE(sum(count), 0) FROM verification_tally"))


def run_flood(server: Gunicorn, requests: int) -> tuple[list[Answer], list[Answer]]:
    """Send hostile requests, and meanwhile five valid ones a second; return the answers of both."""
    hostile = LoadGenerator(server.port, clients=256, limit=requests, requests=hostile_requests())
    with LoadGenerator(server.port, clients=1, pause=0.2, requests=legitimate_requests()) as wechat:
        wechat.wait_for(200)
        with hostile:
            hostile.wait()
    return hostile.answers, wechat.answers


def test_a_flood_neither_fills_the_disk_nor_delays_wechat(
    postgresql: PostgreSQLServer, tmp_path: Path, figure: RecordFigure
) -> None:
    requests = short_or_long(3_000, 300_000)
    with running_gunicorn(
        tmp_path / "output", DATABASE_URL=postgresql.url(), TRUSTED_PROXY_COUNT="1"
    ) as server:
        before = size_of(postgresql.url())
        hostile, wechat = run_flood(server, requests)
    growth = (size_of(postgresql.url()) - before) / MEGABYTE
    seconds = sorted(answer.seconds for answer in wechat)
    median, slowest = statistics.median(seconds), seconds[len(seconds) * 99 // 100]

    total = count_tallied(postgresql.url())
    occurrences = {row.request_id: row.occurrences for row in read_log(postgresql.url())}
    is_served = {answer.status for answer in wechat} == {200}
    is_served = is_served and {occurrences[answer.request.id] for answer in wechat} == {1}
    figure(
        "A flood of similar requests does not fill the disk",
        target="≤ 6 MB for 300,000 hostile requests, every one of them tallied",
        measured=f"{growth:.1f} MB for {len(hostile):,}, "
        f"{total:,} tallied of {len(hostile) + len(wechat):,}",
        is_met=growth <= 6 and total == len(hostile) + len(wechat),
    )
    figure(
        "WeChat is answered during a flood",
        target="p50 ≤ 20 ms, p99 ≤ 250 ms, none refused, each with its own row",
        measured=f"p50 {median * 1000:.0f} ms, p99 {slowest * 1000:.0f} ms of {len(wechat)}",
        is_met=is_served and median <= 0.02 and slowest <= 0.25,
    )
    assert total == len(hostile) + len(wechat)
    assert {(answer.request.status, answer.status) for answer in hostile} <= {
        (200, 200),
        (403, 403),
    }
    assert is_served
    assert len(occurrences) < requests / 2
    assert "is intact" in manage(postgresql.url(), "verify_audit")


def test_five_hundred_clients_need_no_more_connections_than_a_small_plan_has(
    postgresql: PostgreSQLServer, tmp_path: Path, figure: RecordFigure
) -> None:
    url = postgresql.url().replace("gateway@", "tenant@")
    limit_to_twenty(postgresql.url())
    with running_gunicorn(tmp_path / "output", DATABASE_URL=url) as server:
        server.wait_for("Ready", times=1)  # the check at start has a connection of its own
        limit = short_or_long(2_000, 50_000)
        with LoadGenerator(server.port, clients=500, limit=limit) as load:
            most = 0
            while load.is_running:
                most = max(most, connections_of_tenant(postgresql.url()))
                time.sleep(0.05)
        # Database errors only: a full queue is not one.
        complaints = [line for line in server.lines() if "OperationalError" in line]

    too_many = sum(answer.status == 503 for answer in load.answers)
    figure(
        "500 clients need no more than the 20 connections of a small database plan",
        target="one connection for each of two workers, none that PostgreSQL refuses",
        measured=f"{most} connections at most, {len(complaints)} complaints in "
        f"{len(load.answers):,} answers; {too_many:,} × 503, where too many were waiting",
        is_met=not complaints and most <= 2,
    )
    assert complaints == []
    assert all(answer.status in {answer.request.status, 503} for answer in load.answers)
    assert any(answer.status == 200 for answer in load.answers)


def connections_of_tenant(url: str) -> int:
    return query_number(url, "SELECT count(*) FROM pg_stat_activity WHERE usename = 'tenant'")


def limit_to_twenty(url: str) -> None:
    query_number(
        url,
        "CREATE ROLE tenant LOGIN CONNECTION LIMIT 20;"
        "GRANT ALL ON ALL TABLES IN SCHEMA public TO tenant;"
        "GRANT ALL ON ALL SEQUENCES IN SCHEMA public TO tenant; SELECT 1",
    )
