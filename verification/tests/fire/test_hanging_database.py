from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from django.db import connection

from verification.models import OfficialAccount
from verification.tests.fire.conftest import KeepFigure
from verification.tests.fire.support.crowd import Crowd
from verification.tests.fire.support.held_against import hold_against
from verification.tests.fire.support.ordeal import (
    CLIENTS,
    Ordeal,
    crowd_of,
    go_through,
    told_to_try_again,
    unrecorded,
)
from verification.tests.fire.support.own_postgresql import OwnPostgreSQL, manage
from verification.tests.fire.support.scale import scale
from verification.tests.support.gunicorn import Gunicorn, database_url, running_gunicorn
from verification.tests.support.proxy import Proxy

pytestmark = [pytest.mark.postgresql, pytest.mark.process]
SECONDS = scale(3, 60)
Trouble = Callable[[Proxy], AbstractContextManager[None]]


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
    """A gunicorn that reaches PostgreSQL through the proxy only."""
    config, output = connection.settings_dict, tmp_path_factory.mktemp("proxied") / "output"
    with Proxy((config["HOST"], int(config["PORT"]))) as proxy:
        url = database_url().replace(f":{config['PORT']}/", f":{proxy.address[1]}/")
        with running_gunicorn(output, DATABASE_URL=url) as server:
            yield proxy, server


@pytest.mark.parametrize("trouble", [blackholed, half_open, throttled, delayed])
def test_nobody_waits_for_a_connection_that_is(
    trouble: Trouble,
    transactional_db: None,
    brand_a: OfficialAccount,
    proxied: tuple[Proxy, Gunicorn],
    figure: KeepFigure,
) -> None:
    proxy, server = proxied
    before = len(server.lines())
    with crowd_of(server) as crowd:
        ordeal = go_through(trouble(proxy), server, crowd, seconds=SECONDS)

    keep(figure, f"A connection that is {trouble.__name__.replace('_', ' ')}", crowd, ordeal)
    assert told_to_try_again(crowd.answers) == unrecorded(server.lines()[before:]) != []
    check(crowd, ordeal, database_url())


def test_a_reset_costs_no_more_than_what_was_under_way(
    transactional_db: None,
    brand_a: OfficialAccount,
    proxied: tuple[Proxy, Gunicorn],
    figure: KeepFigure,
) -> None:
    proxy, server = proxied
    before = len(server.lines())
    with crowd_of(server) as crowd:
        ordeal = go_through(reset(proxy), server, crowd, seconds=1)

    refused = told_to_try_again(crowd.answers)
    figure(
        "A connection that is reset costs no more than what was under way",
        target=f"at most {CLIENTS} × 503, one for each client",
        measured=f"{len(refused)} × 503",
        is_met=len(refused) <= CLIENTS,
    )
    assert refused == unrecorded(server.lines()[before:])
    check(crowd, ordeal, database_url())


def test_nobody_waits_for_a_postgresql_that_is_frozen(
    postgresql: OwnPostgreSQL, tmp_path: Path, figure: KeepFigure
) -> None:
    with (
        running_gunicorn(tmp_path / "output", DATABASE_URL=postgresql.url()) as server,
        crowd_of(server) as crowd,
    ):
        ordeal = go_through(postgresql.frozen(), server, crowd, seconds=SECONDS)

    keep(figure, "A PostgreSQL that is frozen", crowd, ordeal)
    assert told_to_try_again(crowd.answers) == unrecorded(server.lines()) != []
    check(crowd, ordeal, postgresql.url())


def keep(figure: KeepFigure, what: str, crowd: Crowd, ordeal: Ordeal) -> None:
    refused = len(told_to_try_again(crowd.answers))
    figure(
        f"{what} is not waited for",
        target="every answer within 3.0 s, a line for each 503, 200 again within 5 s",
        measured=f"{ordeal.slowest:.2f} s at most, {refused:,} × 503 with a line each, "
        f"200 again after {ordeal.recovery:.2f} s",
        is_met=ordeal.slowest <= 3 and ordeal.recovery <= 5,
    )
    figure(
        f"{what} costs nothing that stays",
        target=f"flat for {SECONDS} s, memory within 10 %",
        measured=str(ordeal),
        is_met=ordeal.is_flat,
    )


def check(crowd: Crowd, ordeal: Ordeal, url: str) -> None:
    """What must hold, however slow the machine is."""
    found = hold_against(crowd.answers, url)
    assert (found.missing, found.duplicates, found.wrong, found.unanswered) == (0, 0, 0, 0)
    assert {answer.status for answer in crowd.answers} <= {200, 400, 403, 503}
    assert ordeal.worst.files <= ordeal.calm.files + CLIENTS
    assert ordeal.worst.threads <= ordeal.calm.threads + 2
    assert "is intact" in manage(url, "verify_audit")
