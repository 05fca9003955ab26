from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]

NO_RIGHT = """
CREATE ROLE reader;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader;
SET LOCAL ROLE reader"""


@pytest.mark.parametrize(
    "what_happened",
    [
        pytest.param(NO_RIGHT, id="a full plan has lost its right to write"),
        pytest.param("SET LOCAL transaction_read_only = on", id="this is a copy"),
    ],
)
def test_a_database_that_takes_no_writes_is_not_ready(client: Client, what_happened: str) -> None:
    assert client.get("/readyz").content == b"ready"
    with connection.cursor() as cursor:
        cursor.execute(what_happened)
    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert b"takes no writes" in answer.content
