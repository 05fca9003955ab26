from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Protocol

import pytest

from verification.tests.fire.support.figures import Figure, record
from verification.tests.fire.support.machine import describe_machine
from verification.tests.fire.support.postgresql_server import (
    PostgreSQLServer,
    manage,
    running_postgresql,
)
from verification.tests.fire.support.run_length import LONG
from verification.tests.support.adapter import A

#: Needs half an hour, and programs that script/fire installs.
collect_ignore = [] if LONG else ["test_scanners.py"]


class RecordFigure(Protocol):
    def __call__(self, promise: str, *, target: str, measured: str, is_met: bool) -> None: ...


@pytest.fixture
def figure(request: pytest.FixtureRequest, db: None) -> Iterator[RecordFigure]:
    """Provide a function that records a figure for docs/RELIABILITY.md, met or missed.

    A test that records none, because it failed before, is recorded as a miss.
    """
    count = 0

    def record_figure(promise: str, *, target: str, measured: str, is_met: bool) -> None:
        nonlocal count
        count += 1
        test = f"{request.path.name}::{request.node.name}"
        today = datetime.now(UTC).date().isoformat()
        record(Figure(promise, test, target, measured, is_met, today, describe_machine()))

    yield record_figure
    if not count:
        record_figure("The test finishes", target="a figure", measured="none", is_met=False)


@pytest.fixture
def postgresql() -> Iterator[PostgreSQLServer]:
    """Start a migrated PostgreSQL for this test only, with the account Brand A."""
    with running_postgresql() as postgresql:
        manage(postgresql.url(), "migrate", "--verbosity=0")
        manage(postgresql.url(), "add_account", "brand-a", "--token", A)
        yield postgresql
