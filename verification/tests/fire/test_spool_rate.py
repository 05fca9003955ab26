from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path

import pytest

from verification.tests.fire.conftest import RecordFigure
from verification.tests.fire.support.postgresql_server import (
    ROOT,
    PostgreSQLServer,
    manage,
    query_number,
)
from verification.tests.fire.support.recording_backend import Receipt, recording_backend
from verification.tests.fire.support.run_length import LONG, short_or_long
from verification.tests.fire.support.spool_workers import spool_workers
from verification.tests.support.checkout import LOCAL

pytestmark = [pytest.mark.postgresql, pytest.mark.process]

MESSAGES, FOLLOWERS = short_or_long(1_000, 100_000), short_or_long(100, 10_000)
TARGET = 500  #: messages a second
WAITING = "SELECT count(*) FROM verification_delivery WHERE state = 1"


@pytest.mark.parametrize("number", [2, 4] if LONG else [2])
def test_workers_deliver_a_long_backlog_quickly_and_in_order(
    number: int, postgresql: PostgreSQLServer, tmp_path: Path, figure: RecordFigure
) -> None:
    url = postgresql.url()
    with recording_backend(tmp_path / "receipts") as backend:
        command = ["set_backend", "brand-a", backend.url, "--on-failure=keep"]
        manage(url, *command, RELAY_PRIVATE_HOSTS=backend.host)
        fill_spool(url)
        assert query_number(url, WAITING) == MESSAGES
        environment = {"DATABASE_URL": url, "RELAY_PRIVATE_HOSTS": backend.host}
        with spool_workers(tmp_path / "workers", number, **environment) as workers:
            while query_number(url, WAITING):
                time.sleep(0.1)
            workers.stop()
        receipts = backend.receipts()
    rate = len(receipts) / (receipts[-1].at - receipts[0].at)
    counts = Counter((receipt.follower, receipt.number) for receipt in receipts)
    repeats, disordered = len(receipts) - len(counts), count_disordered(receipts)

    figure(
        f"A backlog of waiting messages is delivered quickly by {number} workers",
        target=f"≥ {TARGET} a second, each once and in the order of its follower",
        measured=f"{rate:,.0f} a second of {MESSAGES:,} messages of {FOLLOWERS:,} followers; "
        f"{repeats} twice, {disordered} out of order",
        is_met=rate >= TARGET and not repeats and not disordered,
    )
    assert (len(counts), repeats, disordered) == (MESSAGES, 0, 0)


def fill_spool(url: str) -> None:
    module = "verification.tests.fire.support.fill_spool"
    subprocess.run(
        [sys.executable, "-m", module, str(MESSAGES), str(FOLLOWERS)],
        cwd=ROOT,
        env={**LOCAL, "DJANGO_SETTINGS_MODULE": "wechat_gateway.settings", "DATABASE_URL": url},
        check=True,
    )


def count_disordered(receipts: Sequence[Receipt]) -> int:
    newest: dict[int, int] = defaultdict(lambda: -1)
    disordered = 0
    for receipt in receipts:
        disordered += receipt.number < newest[receipt.follower]
        newest[receipt.follower] = max(receipt.number, newest[receipt.follower])
    return disordered
