from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db import OperationalError, connection
from django.test import Client, TransactionTestCase
from django.utils import timezone, translation

from verification import probes
from verification.auth.failures import failure_budget
from verification.callbacks import recording
from verification.models import OfficialAccount
from verification.relay import forward
from verification.tests.support.accounts import make_account
from verification.tests.support.admin_client import PASSWORD, call
from verification.tests.support.backend import FakeBackend, serving_backend
from verification.tests.support.backend_process import reserved_port
from verification.tests.support.chromium import CHROMIUM
from verification.tests.support.database import empty_tables
from verification.tests.support.exports import export_sealed, make_sealed_log
from verification.tests.support.gunicorn import Gunicorn, running_gunicorn
from verification.tests.support.node import NPM

# The contract tests of adapters are not in modules that pytest collects.
pytest.register_assert_rewrite("verification.tests.callbacks.contract")

# How long an example takes says how busy the machine is.
hypothesis.settings.register_profile("gateway", deadline=None)
hypothesis.settings.load_profile("gateway")

#: Fixtures that start processes, or share the database with one. Such tests take seconds.
PROCESSES = {"transactional_db", "gunicorn", "checkout", "demo", "one_worker", "runserver"}


def pytest_report_header() -> list[str]:
    browser = CHROMIUM or "not found, so the browser tests are left out (apt install chromium)"
    node = NPM or "not found, so the tests of Node backends are left out (apt install npm)"
    return [f"database: {connection.vendor}", f"chromium: {browser}", f"npm: {node}"]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the tests that cannot run on this machine or database."""
    for item in items:
        if _starts_processes(item):
            item.add_marker("process")
        if _uses_database(item):
            item.add_marker("database")
    left_out = [item for item in items if not _can_run(item)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if _can_run(item)]


def _starts_processes(item: pytest.Item) -> bool:
    database = item.get_closest_marker("django_db")
    is_shared = database is not None and database.kwargs.get("transaction", False)
    return is_shared or bool(PROCESSES.intersection(getattr(item, "fixturenames", ())))


def _uses_database(item: pytest.Item) -> bool:
    fixtures = {"db", "transactional_db"}.intersection(getattr(item, "fixturenames", ()))
    return bool(fixtures or item.get_closest_marker("django_db"))


def _can_run(item: pytest.Item) -> bool:
    if item.get_closest_marker("browser") and not CHROMIUM:
        return False
    if item.get_closest_marker("node") and not NPM:
        return False
    return not item.get_closest_marker("postgresql") or connection.vendor == "postgresql"


@pytest.fixture(autouse=True, scope="session")
def _empty_tables_after_tests() -> Iterator[None]:
    """Empty the tables after transactional tests in our own way: the triggers refuse Django's."""

    def empty(_test: Any) -> None:
        # gunicorn counts deliveries up to a second after a test, and locks the tables in another
        # order: PostgreSQL may end either of the two.
        for attempt in range(5):
            try:
                empty_tables()
                break
            except OperationalError:
                if attempt == 4:
                    raise
                time.sleep(0.5)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", empty)
        yield


@pytest.fixture(autouse=True)
def _activate_default_language() -> None:
    """Reset the language, which stays active in this thread after a request of the test client."""
    translation.activate(settings.LANGUAGE_CODE)


@pytest.fixture(autouse=True)
def _reset_budgets() -> None:
    """Reset the budgets, so that refusals of earlier tests do not count in this one."""
    recording.row_budget.reset()
    failure_budget.reset()


@pytest.fixture(autouse=True)
def _no_old_readiness(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let /readyz check each time, so that a test need not wait for what it has changed."""
    monkeypatch.setattr(probes, "READINESS_AGE", 0.0)
    probes.readiness_cache.reset()


@pytest.fixture
def brand_a(db: None) -> OfficialAccount:
    return make_account("brand-a", "TokenOfBrandA1234")


@pytest.fixture
def brand_b(db: None) -> OfficialAccount:
    return make_account("brand-b", "TokenOfBrandB5678")


@pytest.fixture
def li_wei(db: None) -> User:
    """Create the operator, a superuser."""
    return User.objects.create_superuser("li.wei", "li.wei@example.cn", PASSWORD)


@pytest.fixture
def li_wei_at_work(li_wei: User) -> Client:
    client = Client()
    client.force_login(li_wei)
    return client


@pytest.fixture
def on_record(brand_a: OfficialAccount) -> OfficialAccount:
    """Record two attempts with their seals and tallies, and the change events of an account."""
    call("/wechat/brand-a", "TokenOfBrandA1234")
    call("/wechat/nobody", "TokenOfBrandA1234")
    return brand_a


Record = Callable[..., None]


@pytest.fixture
def record(brand_a: OfficialAccount, monkeypatch: pytest.MonkeyPatch) -> Record:
    """Return a function that records attempts in the past.

    Each has a seal of its own. Every second one is refused.
    """

    def record_attempts(days_ago: float, count: int = 2) -> None:
        moment = timezone.now() - timedelta(days=days_ago)
        monkeypatch.setattr(recording, "recording_time", lambda *_: moment)
        for number in range(count):
            call("/wechat/brand-a", "WrongTokenOfB5678" if number % 2 else "TokenOfBrandA1234")

    return record_attempts


@pytest.fixture
def two_years(record: Record) -> None:
    """Record attempts 1–3 700 days ago, 4 and 5 420 days ago, and 6 and 7 today."""
    record(700, 3)
    record(420)
    record(0)


@pytest.fixture
def sealed_file(brand_a: OfficialAccount, tmp_path: Path) -> Path:
    """Write a sealed export of nine attempts under three seals."""
    make_sealed_log()
    return export_sealed(tmp_path / "log.jsonl")


@pytest.fixture(scope="session")
def _backend() -> Iterator[FakeBackend]:
    with serving_backend() as backend:
        yield backend


@pytest.fixture
def backend(_backend: FakeBackend, settings: Any) -> FakeBackend:
    """Return the backend that serves the whole test run, as if it had just started.

    Both the test's own process and gunicorn may connect to it.
    """
    settings.RELAY_PRIVATE_HOSTS = frozenset({_backend.host})
    _backend.reset()
    forward.repeats.reset()
    return _backend


@pytest.fixture(scope="session")
def backend_port() -> Iterator[int]:
    """Return the port at which gunicorn reaches a backend that is a process of its own."""
    with reserved_port() as port:
        yield port


@pytest.fixture(scope="session")
def _gunicorn(
    django_db_setup: None,
    tmp_path_factory: pytest.TempPathFactory,
    _backend: FakeBackend,
    backend_port: int,
) -> Iterator[Gunicorn]:
    output = tmp_path_factory.mktemp("gunicorn") / "output"
    hosts = f"{_backend.host},127.0.0.1:{backend_port}"
    with running_gunicorn(output, RELAY_PRIVATE_HOSTS=hosts) as server:
        yield server


@pytest.fixture
def gunicorn(_gunicorn: Gunicorn, transactional_db: None) -> Gunicorn:
    """Return the gunicorn that serves the whole test run, with this test's data."""
    return _gunicorn
