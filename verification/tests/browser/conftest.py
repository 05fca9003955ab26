from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client
from playwright.sync_api import Browser

from verification.tests.support.chromium import Desk, running_chromium
from verification.tests.support.gunicorn import Gunicorn, free_port, running_gunicorn
from verification.tests.support.inspection import Inspection

#: The settings of the tests know no PUBLIC_URL.
REAL = {"DJANGO_SETTINGS_MODULE": "wechat_gateway.settings"}


@pytest.fixture
def chromium(transactional_db: None) -> Iterator[Browser]:
    """A browser for one test, gone before the database is emptied.

    While playwright's event loop runs in this thread, Django refuses the ORM. These tests look
    at pages only: whoever needs rows makes them in a fixture that comes before this one.
    """
    with running_chromium() as browser:
        yield browser


@pytest.fixture
def inspection() -> Iterator[Inspection]:
    """Nothing may be wrong with what the test has looked at."""
    found = Inspection()
    yield found
    assert not found, "\n".join(found)


@pytest.fixture(scope="session")
def _public_gunicorn(
    django_db_setup: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Gunicorn]:
    output, port = tmp_path_factory.mktemp("public") / "output", free_port()
    environment = {**REAL, "WEB_CONCURRENCY": "1", "PUBLIC_URL": f"http://127.0.0.1:{port}"}
    with running_gunicorn(output, port=port, **environment) as server:
        yield server


@pytest.fixture
def public_gunicorn(_public_gunicorn: Gunicorn, transactional_db: None) -> Gunicorn:
    """One that knows its own address; its users sign in elsewhere."""
    return _public_gunicorn


@pytest.fixture
def fresh_gunicorn(transactional_db: None, tmp_path: Path) -> Iterator[Gunicorn]:
    """For saving in the admin: the ones that all tests share remember content types, which an
    emptied database has under other numbers."""
    with running_gunicorn(tmp_path / "output", WEB_CONCURRENCY="1") as server:
        yield server


@pytest.fixture
def session(li_wei: User) -> str:
    """The key of the one that li.wei is at work in."""
    client = Client()
    client.force_login(li_wei)
    return str(client.session.session_key)


@pytest.fixture
def desk(public_gunicorn: Gunicorn, session: str, chromium: Browser) -> Desk:
    return Desk(chromium, public_gunicorn.url, session)


@pytest.fixture
def fresh_desk(fresh_gunicorn: Gunicorn, session: str, chromium: Browser) -> Desk:
    """Where li.wei can add an account."""
    return Desk(chromium, fresh_gunicorn.url, session)
