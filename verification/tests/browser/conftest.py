from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from django.test import Client
from playwright.sync_api import Browser

from verification.tests.support.chromium import Desk, running_chromium
from verification.tests.support.gunicorn import Gunicorn, free_port, running_gunicorn
from verification.tests.support.inspection import Inspection

#: The settings of the tests ignore PUBLIC_URL.
REAL = {"DJANGO_SETTINGS_MODULE": "wechat_gateway.settings"}


@pytest.fixture
def chromium(transactional_db: None) -> Iterator[Browser]:
    """Run a browser for one test, and close it before the database is emptied.

    Django refuses the ORM while playwright's event loop runs in this thread. Therefore fixtures
    that come before this one create the rows that a test needs.
    """
    with running_chromium() as browser:
        yield browser


@pytest.fixture
def inspection() -> Iterator[Inspection]:
    """Fail the test if one of the pages that it has looked at has a problem."""
    problems = Inspection()
    yield problems
    assert not problems, "\n".join(problems)


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
    """Return a server with a PUBLIC_URL; tests sign in by setting a session cookie."""
    return _public_gunicorn


@pytest.fixture
def session(li_wei: User) -> str:
    """Return the key of a session in which li.wei is signed in."""
    client = Client()
    client.force_login(li_wei)
    return str(client.session.session_key)


@pytest.fixture
def desk(public_gunicorn: Gunicorn, session: str, chromium: Browser) -> Desk:
    return Desk(chromium, public_gunicorn.url, session)
