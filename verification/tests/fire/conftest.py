from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Protocol

import pytest

from verification.tests.fire.support.figures import Figure, record
from verification.tests.fire.support.machine import describe_machine
from verification.tests.fire.support.own_postgresql import OwnPostgreSQL, manage, own_postgresql
from verification.tests.fire.support.scale import LONG
from verification.tests.support.adapter import A

#: Takes half an hour, and programs that script/fire installs.
collect_ignore = [] if LONG else ["test_scanners.py"]


class KeepFigure(Protocol):
    def __call__(self, promise: str, *, target: str, measured: str, is_met: bool) -> None: ...


@pytest.fixture
def figure(request: pytest.FixtureRequest, db: None) -> Iterator[KeepFigure]:
    """Keeps a figure for docs/RELIABILITY.md, met or missed; a test that has none is a miss."""
    kept = 0

    def keep(promise: str, *, target: str, measured: str, is_met: bool) -> None:
        nonlocal kept
        kept += 1
        test = f"{request.path.name}::{request.node.name}"
        today = datetime.now(UTC).date().isoformat()
        record(Figure(promise, test, target, measured, is_met, today, describe_machine()))

    yield keep
    if not kept:
        keep("The test comes to an end", target="a figure", measured="none", is_met=False)


@pytest.fixture
def postgresql() -> Iterator[OwnPostgreSQL]:
    """One of the test's own, migrated, with Brand A."""
    with own_postgresql() as postgresql:
        manage(postgresql.url(), "migrate", "--verbosity=0")
        manage(postgresql.url(), "add_account", "brand-a", "--token", A)
        yield postgresql
