from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from django.db import connection

from verification.models import OfficialAccount
from verification.tests.fire.conftest import RecordFigure
from verification.tests.fire.support.load_generator import LoadGenerator
from verification.tests.fire.support.log_comparison import compare_with_log
from verification.tests.fire.support.outage import (
    CLIENTS,
    Outage,
    measure_outage,
    refused_ids,
    start_load_on,
    unrecorded_ids,
)
from verification.tests.fire.support.postgresql_server import PostgreSQLServer, manage
from verification.tests.fire.support.run_length import short_or_long
from verification.tests.support.gunicorn import Gunicorn, database_url, running_gunicorn
from verification.tests.support.proxy import Proxy

pytestmark = [pytest.mark.postgresql, pytest.mark.process]
SECONDS = short_or_long(3, 60)
Fault = Callable[[Proxy], AbstractContextManager[None]]


@contextmanager
def blackholed(proxy: Proxy) -> Iterator[None]:
    proxy.is_dropping.set()
    yield
    proxy.is_dropping.clear()


@contextmanager
def half_open(proxy: Proxy) -> Iterator[None]:
    proxy.forget()
    yield


@contextmanager
def throttled(proxy: Proxy) -> Iterator[None]:
    proxy.bytes_per_second = 1_000
    yield
    proxy.bytes_per_second = float("inf")


@contextmanager
def delayed(proxy: Proxy) -> Iterator[None]:
    proxy.delay = 1
    yield
    proxy.delay = 0


@contextmanager
def reset(proxy: Proxy) -> Iterator[None]:
    proxy.reset()
    yield


@pytest.fixture(scope="module")
def proxied(
    django_db_setup: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Proxy, Gunicorn]]:
    """Run a gunicorn that reaches PostgreSQL through the proxy only."""
    config, output = connection.settings_dict, tmp_path_factory.mktemp("proxied") / "output"
    with Proxy((config["HOST"], int(config["PORT"]))) as proxy:
        url = database_url().replace(f":{config['PORT']}/", f":{proxy.address[1]}/")
        with running_gunicorn(output, DATABASE_URL=url) as server:
            yield proxy, server


@pytest.mark.parametrize("fault", [blackholed, half_open, throttled, delayed])
def test_answers_are_not_held_up_by_a_connection_that_is(
    fault: Fault,
    transactional_db: None,
    brand_a: OfficialAccount,
    proxied: tuple[Proxy, Gunicorn],
    figure: RecordFigure,
) -> None:
    proxy, server = proxied
    before = len(server.lines())
    with start_load_on(server) as load:
        outage = measure_outage(fault(proxy), server, load, seconds=SECONDS)

    record(figure, f"A connection that is {fault.__name__.replace('_', ' ')}", load, outage)
    assert refused_ids(load.answers) == unrecorded_ids(server.lines()[before:]) != []
    check(load, outage, database_url())


def test_a_reset_fails_only_the_requests_in_progress(
    transactional_db: None,
    brand_a: OfficialAccount,
    proxied: tuple[Proxy, Gunicorn],
    figure: RecordFigure,
) -> None:
    proxy, server = proxied
    before = len(server.lines())
    with start_load_on(server) as load:
        outage = measure_outage(reset(proxy), server, load, seconds=1)

    refused = refused_ids(load.answers)
    figure(
        "A connection that is reset fails only the requests in progress",
        target=f"at most {CLIENTS} × 503, one for each client",
        measured=f"{len(refused)} × 503",
        is_met=len(refused) <= CLIENTS,
    )
    assert refused == unrecorded_ids(server.lines()[before:])
    check(load, outage, database_url())


def test_answers_are_not_held_up_by_a_postgresql_that_is_frozen(
    postgresql: PostgreSQLServer, tmp_path: Path, figure: RecordFigure
) -> None:
    with (
        running_gunicorn(tmp_path / "output", DATABASE_URL=postgresql.url()) as server,
        start_load_on(server) as load,
    ):
        outage = measure_outage(postgresql.frozen(), server, load, seconds=SECONDS)

    record(figure, "A PostgreSQL that is frozen", load, outage)
    assert refused_ids(load.answers) == unrecorded_ids(server.lines()) != []
    check(load, outage, postgresql.url())


def record(figure: RecordFigure, fault: str, load: LoadGenerator, outage: Outage) -> None:
    refused = len(refused_ids(load.answers))
    figure(
        f"{fault} does not hold up answers",
        target="every answer within 3.0 s, a line for each 503, 200 again within 5 s",
        measured=f"{outage.slowest:.2f} s at most, {refused:,} × 503 with a line each, "
        f"200 again after {outage.recovery:.2f} s",
        is_met=outage.slowest <= 3 and outage.recovery <= 5,
    )
    figure(
        f"{fault} leaks no resources",
        target=f"flat for {SECONDS} s, memory within 10 %",
        measured=str(outage),
        is_met=outage.is_flat,
    )


def check(load: LoadGenerator, outage: Outage, url: str) -> None:
    """Assert what must hold on a slow machine as well."""
    compared = compare_with_log(load.answers, url)
    assert (compared.missing, compared.duplicates, compared.wrong) == (0, 0, 0)
    assert compared.unanswered == 0
    assert {answer.status for answer in load.answers} <= {200, 400, 403, 503}
    assert outage.peak.files <= outage.baseline.files + CLIENTS
    assert outage.peak.threads <= outage.baseline.threads + 2
    assert "is intact" in manage(url, "verify_audit")
