"""Whatever a stranger sends as fast as they can, WeChat is answered and the disk does not fill."""

from __future__ import annotations

import time
from pathlib import Path
from statistics import quantiles
from typing import NamedTuple

import pytest

from verification.models import ChangeEvent, FailureTally, Tally, VerificationAttempt
from verification.tests.fire.conftest import RecordFigure
from verification.tests.fire.support import strangers
from verification.tests.fire.support.load_generator import LoadGenerator
from verification.tests.fire.support.postgresql_server import PostgreSQLServer, manage, query_number
from verification.tests.fire.support.processes import children, memory_peak, resources, used_seconds
from verification.tests.fire.support.run_length import LONG
from verification.tests.fire.support.strangers import Flood, Strangers, UnlikeRefusals
from verification.tests.fire.test_floods import legitimate_requests, size_of
from verification.tests.support.gunicorn import Gunicorn, running_gunicorn

pytestmark = [pytest.mark.postgresql, pytest.mark.process]

#: Seconds without a flood, which say what WeChat's own rows take; then of a flood before it is
#: measured, in which tables and indexes get their first pages; and of the flood that is measured.
QUIET, WARM_UP, SECONDS = (20, 10, 60) if LONG else (0, 0, 4)
DAY = 86_400
MEGABYTE = 1_048_576
ADD_ACCOUNTS = """
from verification.tests.support.accounts import make_account
for number in range(60):
    make_account(f"brand-{number}", f"TokenOfBrandNumber{number}")
"""
COUNTED = f"""
SELECT (SELECT COALESCE(sum(count), 0) FROM {Tally._meta.db_table})
    + (SELECT count(*) FROM {ChangeEvent._meta.db_table}
        WHERE action IN ('sign_in_failed', 'second_factor_refused'))
    + (SELECT COALESCE(sum(count), 0) FROM {FailureTally._meta.db_table})"""
ROWS = f"""
SELECT (SELECT count(*) FROM {VerificationAttempt._meta.db_table})
    + (SELECT count(*) FROM {ChangeEvent._meta.db_table})"""


class Case(NamedTuple):
    name: str
    flood: Flood
    megabytes: int = 50  #: a day, at most
    rows: int = 5  #: a second, at most
    is_counted: bool = False  #: whether each answer is on record


CASES = [
    Case("Refusals in 33 ways, 1 source, 4 accounts", UnlikeRefusals(1, 4), 3_000, 50, True),
    Case("Refusals in 33 ways, 1 source, 60 accounts", UnlikeRefusals(1, 60), 3_000, 50, True),
    Case(
        "Refusals in 33 ways, 5,000 sources, 60 accounts",
        UnlikeRefusals(5_000, 60),
        3_000,
        80,
        True,
    ),
    Case("Wrong passwords, 8 clients", strangers.wrong_passwords, is_counted=True),
    Case("Wrong codes, 8 clients", strangers.wrong_codes, is_counted=True),
    Case("/readyz, 8 clients", strangers.readiness),
    Case("Heads without end, 8 clients", strangers.endless_heads),
    Case("Uploads to the sign-in page, 4 clients", strangers.uploads),
    Case("500 slow connections", strangers.slow_heads),
    Case("200 clients that read nothing", strangers.no_reading),
]


class Measured(NamedTuple):
    strangers: Strangers
    seconds: float
    honest: list[float]  #: seconds of each answer, which were all 200
    memory: float  #: megabytes that the workers took at most, beyond what they had before
    cores: float  #: that the workers took
    rows: int
    bytes: float
    counted: int

    @property
    def p99(self) -> float:
        return quantiles(self.honest, n=100)[98]


@pytest.mark.parametrize(
    "case", CASES if LONG else CASES[:1], ids=lambda case: case.name.replace(" ", "-")
)
def test_wechat_is_answered_and_the_disk_does_not_fill(
    postgresql: PostgreSQLServer, tmp_path: Path, figure: RecordFigure, case: Case
) -> None:
    manage(
        postgresql.url(),
        "ensure_admin",
        DJANGO_SUPERUSER_USERNAME=strangers.RIGHT["username"],
        DJANGO_SUPERUSER_PASSWORD=strangers.RIGHT["password"],
    )
    manage(postgresql.url(), "shell", "--verbosity=0", "-c", ADD_ACCOUNTS)
    with running_gunicorn(
        tmp_path / "output",
        DATABASE_URL=postgresql.url(),
        TRUSTED_PROXY_COUNT="1",
        ADMIN_REQUIRE_TOTP="1",
    ) as server:
        measured = measure(server, case.flood, postgresql.url())

    megabytes = measured.bytes / measured.seconds * DAY / MEGABYTE
    rows = measured.rows / measured.seconds
    expected = measured.strangers.answered if case.is_counted else 0
    is_exact = measured.counted == expected
    figure(
        f"Flood: {case.name}",
        target=f"p99 of WeChat ≤ 250 ms; ≤ {case.rows} rows a second, ≤ {case.megabytes:,} MB a "
        "day, counted exactly",
        measured=f"p99 {measured.p99 * 1000:.0f} ms; {rows:.1f} rows a second, {megabytes:,.0f} "
        f"MB a day; {measured.counted:,} of {expected:,} counted; workers took {measured.cores:.2f}"
        f" cores and {measured.memory:.0f} MB more",
        is_met=is_exact
        and measured.p99 <= 0.25
        and rows <= case.rows
        and (megabytes <= case.megabytes or not LONG),  # a few seconds say little of a day
    )
    assert measured.strangers.statuses.total(), "the flood sent nothing"
    assert is_exact, measured.strangers.statuses
    assert rows <= case.rows
    assert "is intact" in manage(postgresql.url(), "verify_audit")


class Reading(NamedTuple):
    """Holds what there is at one moment."""

    at: float
    wechat: int  #: answers to WeChat, each of which has a row
    rows: int
    counted: int
    bytes: int
    used: float  #: seconds of processor time


def measure(server: Gunicorn, flood: Flood, url: str) -> Measured:
    """Run the flood, and meanwhile send five valid verifications a second."""
    workers = children(server.process.pid)
    requests = legitimate_requests()
    with LoadGenerator(server.port, clients=1, pause=0.2, requests=requests) as wechat:

        def read() -> Reading:
            return Reading(
                time.monotonic(),
                len(wechat.answers),
                query_number(url, ROWS),
                query_number(url, COUNTED),
                size_of(url),
                sum(map(used_seconds, workers)),
            )

        wechat.wait_for(200)
        quiet = read()
        time.sleep(QUIET)
        before = read()
        memory = sum(resources(pid).megabytes for pid in workers)
        with strangers.strangers(flood, server.port) as found:
            time.sleep(WARM_UP)
            warm = read()
            time.sleep(SECONDS)
            after = read()
        growth = sum(map(memory_peak, workers)) - memory
    assert {answer.status for answer in wechat.answers} == {200}
    seconds = after.at - warm.at
    own = (before.bytes - quiet.bytes) / QUIET * seconds if QUIET else 0
    return Measured(
        strangers=found,
        seconds=seconds,
        honest=[answer.seconds for answer in wechat.answers[warm.wechat : after.wechat]],
        memory=growth,
        cores=(after.used - warm.used) / seconds,
        rows=after.rows - warm.rows - (after.wechat - warm.wechat),
        bytes=after.bytes - warm.bytes - own,
        counted=query_number(url, COUNTED) - before.counted - (len(wechat.answers) - before.wechat),
    )
