"""An upgrade to the first release whose change events are signed records all accounts, once."""

from __future__ import annotations

from collections.abc import Iterator
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from verification.audit_log.verifier import verify_audit
from verification.models import ChangeEvent, OfficialAccount, Token
from verification.tests.support.accounts import make_account
from verification.tests.support.database import set_bypass

pytestmark = pytest.mark.django_db(transaction=True)

#: An event as the release before writes it: it does not know the new columns.
INSERT = """
INSERT INTO verification_changeevent
    (recorded_at, actor, action, account_id, token_fingerprint, detail, client_ip, facts)
VALUES ('2026-11-01 10:42:00+00:00', 'li.wei', 'signed_in', NULL, '', '', NULL, '{}')"""


def migrate(*target: str) -> str:
    output = StringIO()
    call_command("migrate", *target, stdout=output)
    return output.getvalue()


@pytest.fixture
def release_before() -> Iterator[OfficialAccount]:
    """Go back to the schema of the release before, with an account and an event."""
    account = make_account("brand-a", "TokenOfBrandA1234")
    migrate("verification", "0009")
    try:
        with connection.cursor() as cursor:
            cursor.execute(INSERT)
        yield account
    finally:
        migrate()


def test_all_accounts_are_recorded_and_the_events_of_before_are_bound(
    release_before: OfficialAccount,
) -> None:
    output = migrate()
    event = ChangeEvent.objects.latest("id")

    assert "Recorded 1 account" in output
    assert (event.action, event.facts) == ("accounts_recorded", {"count": 1})
    assert verify_audit().problems == []
    set_bypass(is_open=True)
    ChangeEvent.objects.filter(mac=None).first().delete()  # type: ignore[union-attr]
    set_bypass(is_open=False)
    assert len(verify_audit().problems) == 1


def test_the_release_before_goes_on_writing_events_meanwhile(
    release_before: OfficialAccount,
) -> None:
    migrate()
    with connection.cursor() as cursor:
        cursor.execute(INSERT)

    assert verify_audit().problems == []


def test_a_later_migrate_does_not_take_an_altered_account_for_right(
    release_before: OfficialAccount,
) -> None:
    migrate()
    Token.objects.update(created_by="x")

    assert "Recorded" not in migrate()
    assert len(verify_audit().problems) == 1


def test_a_new_database_has_nothing_to_record(db: None) -> None:
    assert "Recorded" not in migrate()
    assert not ChangeEvent.objects.exists()


def test_a_migrate_that_failed_in_between_is_made_good(release_before: OfficialAccount) -> None:
    MigrationExecutor(connection).migrate([("verification", "0010_change_log_chain")])

    assert "Recorded 1 account" in migrate()
    assert verify_audit().problems == []


def test_no_migrate_takes_accounts_for_right_after_all_macs_were_removed(
    release_before: OfficialAccount,
) -> None:
    migrate()
    drop_signed_events()
    Token.objects.update(created_by="x")

    assert "Recorded" not in migrate()
    assert verify_audit().problems == [
        "Brand-A (brand-a) is in no change event: it was added in the database."
    ]


def drop_signed_events() -> None:
    set_bypass(is_open=True)
    ChangeEvent.objects.exclude(mac=None).delete()
    set_bypass(is_open=False)
