from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg2
import pytest
from django.db import connection

from verification.callbacks.readiness import find_problem
from verification.db.encoding import find_wrong_encoding
from verification.tests.support.checkout import LOCAL, Checkout
from verification.tests.support.gunicorn import database_url

SENTENCE = "The encoding of the database is SQL_ASCII, but must be UTF8. Create a database WITH "


@pytest.fixture
def ascii_database() -> Iterator[str]:
    """Create a database as a host with LANG=C does, and return its URL."""
    url, name = database_url(), "gateway_sql_ascii"
    administrator = psycopg2.connect(url)
    administrator.autocommit = True
    with administrator.cursor() as cursor:
        cursor.execute(
            f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'SQL_ASCII' LC_COLLATE 'C' "
            "LC_CTYPE 'C'"
        )
        yield f"{url.rpartition('/')[0]}/{name}"
        cursor.execute(f"DROP DATABASE {name}")
    administrator.close()


@pytest.mark.postgresql
@pytest.mark.process
@pytest.mark.django_db
def test_migrate_refuses_a_database_that_is_not_in_utf_8(
    ascii_database: str, tmp_path: Path
) -> None:
    checkout = Checkout(tmp_path)
    result = checkout.manage("migrate", **{**LOCAL, "DATABASE_URL": ascii_database})

    assert result.returncode == 1
    assert result.stderr.startswith(f"CommandError: {SENTENCE}")
    assert result.stderr.count("\n") == 1


@pytest.mark.django_db
def test_a_database_in_utf_8_is_fine() -> None:
    assert find_wrong_encoding(connection) is None
    assert find_problem() is None
