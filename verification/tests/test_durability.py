"""Who has an answer has a record on disk, though the head's row is let go before that."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connection

from verification.models import OfficialAccount
from verification.postgresql_ledger import WAIT_FOR_DISK
from verification.recording import verify
from verification.tests.calls import call
from verification.tests.contract import A
from verification.tests.signer import verification

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]

ON_DISK = "SELECT pg_current_wal_insert_lsn() - pg_current_wal_flush_lsn() <= 0"
ATTEMPTS = 10


def answered_and_on_disk() -> int:
    """How many of ten are on disk as soon as they have their verdict."""
    found = []
    with connection.cursor() as cursor:
        for _ in range(ATTEMPTS):
            verify([call(verification(A))])
            cursor.execute(ON_DISK)
            found += cursor.fetchone()
    return found.count(True)


@pytest.fixture(params=["on", "off"])
def _whatever_the_server_is_set_to(
    request: pytest.FixtureRequest, brand_a: OfficialAccount
) -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute(f"SET synchronous_commit = {request.param}")
        yield
        cursor.execute("RESET synchronous_commit")


@pytest.mark.usefixtures("_whatever_the_server_is_set_to")
def test_what_is_answered_is_on_disk() -> None:
    assert answered_and_on_disk() >= ATTEMPTS - 1  # something else may write in the same moment


def test_without_waiting_it_would_not_be(
    brand_a: OfficialAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL's own writer comes by five times a second."""
    monkeypatch.setattr(
        "verification.postgresql_ledger.COMMIT", f"COMMIT; {WAIT_FOR_DISK.replace('true', 'false')}"
    )

    assert answered_and_on_disk() <= ATTEMPTS / 2
