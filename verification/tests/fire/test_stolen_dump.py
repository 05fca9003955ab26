"""A stolen dump of the database contains no secret."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

from script.with_postgres import find_binaries
from verification.tests.fire.conftest import RecordFigure
from verification.tests.support.canary_secrets import TOKEN, find
from verification.tests.support.gunicorn import database_url
from verification.tests.support.secrets_scenario import Scenario

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]


def dump() -> str:
    """Return schema, functions and every row as text."""
    program = find_binaries() / "pg_dump"
    return subprocess.check_output([program, "--inserts", database_url()], text=True)


def test_no_secret_of_a_whole_day_is_in_a_dump_of_the_database(
    monkeypatch: pytest.MonkeyPatch, settings: Any, figure: RecordFigure
) -> None:
    settings.ADMIN_REQUIRE_TOTP = True
    day = Scenario(monkeypatch)
    secrets = [*day.secrets, settings.SECRET_KEY, *settings.TOKEN_ENCRYPTION_KEYS]
    stolen = dump()
    found = find(secrets, stolen)
    figure(
        "A stolen dump of the database contains no token, password, recovery code, authenticator "
        "secret or key",
        target="0 hits",
        measured=f"{len(found)} hits for {len(secrets)} secrets, each in 8 disguises, "
        f"in {len(stolen):,} characters of pg_dump",
        is_met=not found,
    )

    assert found == []
    assert "wang.fang" in stolen
    assert "CREATE TRIGGER" in stolen


def test_a_secret_would_be_found_in_it(li_wei: Any) -> None:
    li_wei.email = f"{TOKEN}@example.cn"
    li_wei.save()

    assert find([TOKEN], dump())
