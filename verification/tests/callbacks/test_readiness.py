from __future__ import annotations

import pytest
from django.core.management import call_command
from django.db import connection
from django.test import Client

from verification.callbacks.readiness import FUNCTIONS, RECORDING_RIGHTS, RELAY_RIGHTS
from verification.callbacks.recording import Unrecorded, verify
from verification.models import OfficialAccount
from verification.protocol.enums import Outcome
from verification.tests.support.adapter import A, B
from verification.tests.support.callback_factory import make_callback
from verification.tests.support.signer import verification

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db]

RECORDING, RELAY = (
    [(model._meta.db_table, right) for model, rights in required.items() for right in rights]
    for required in (RECORDING_RIGHTS, RELAY_RIGHTS)
)
EACH = [*RECORDING, *RELAY]


def restrict_to(rights: list[tuple[str, str]]) -> None:
    """Use a role that has these rights and can read the migrations, until the test ends."""
    verify([make_callback(verification(B))])  # from here on the chain has a head
    with connection.cursor() as cursor:
        cursor.execute("CREATE ROLE somebody; GRANT SELECT ON django_migrations TO somebody")
        for table, right in rights:
            cursor.execute(f"GRANT {right} ON {table} TO somebody")
        cursor.execute("SET LOCAL ROLE somebody")


def migrate_back_and_forth() -> None:
    call_command("migrate", "verification", "0011", verbosity=0)
    call_command("migrate", verbosity=0)


def test_a_read_only_database_is_not_ready(client: Client) -> None:
    assert client.get("/readyz").content == b"ready"
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL transaction_read_only = on")
    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert b"read-only" in answer.content


def test_a_database_that_refuses_the_query_is_not_called_unreachable(client: Client) -> None:
    with connection.cursor() as cursor:
        cursor.execute("CREATE ROLE nobody; SET LOCAL ROLE nobody")
    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert answer.content.startswith(b"The database refused the query (SQLSTATE 42501). Its ")


def test_the_required_rights_are_enough_to_record(client: Client, brand_a: OfficialAccount) -> None:
    restrict_to(EACH)

    assert client.get("/readyz").content == b"ready"
    assert verify([make_callback(verification(A))])[0].outcome is Outcome.ACCEPTED
    assert brand_a.tokens.get().first_used_at is not None


@pytest.mark.parametrize("refused", RELAY)
def test_a_missing_right_of_the_relay_is_named(
    client: Client, brand_a: OfficialAccount, refused: tuple[str, str]
) -> None:
    restrict_to([right for right in EACH if right != refused])
    answer = client.get("/readyz")

    assert answer.status_code == 503
    assert refused[0] in answer.content.decode() or "SQLSTATE 42501" in answer.content.decode()
    assert verify([make_callback(verification(A))])[0].outcome is Outcome.ACCEPTED


@pytest.mark.parametrize("refused", RECORDING)
def test_a_missing_right_is_named_and_prevents_recording(
    client: Client, brand_a: OfficialAccount, refused: tuple[str, str]
) -> None:
    restrict_to([right for right in EACH if right != refused])
    answer = client.get("/readyz")

    assert answer.status_code == 503
    table, right = refused
    assert f"refuses {right} on {table}. " in answer.content.decode()
    with pytest.raises(Unrecorded, match="42501: permission denied for table"):
        verify([make_callback(verification(A))])


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_missing_function_is_named_and_migrating_back_and_forth_creates_it_again(
    client: Client, brand_a: OfficialAccount, function: str
) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"DROP ROUTINE {function}")
    answer = client.get("/readyz")
    migrate_back_and_forth()

    assert answer.status_code == 503
    assert f"no function {function}." in answer.content.decode()
    assert client.get("/readyz").content == b"ready"


@pytest.mark.parametrize("function", FUNCTIONS)
def test_migrating_back_and_forth_leaves_a_function_that_somebody_added(
    client: Client, brand_a: OfficialAccount, function: str
) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE FUNCTION {function}(a text) RETURNS text LANGUAGE sql RETURN a")
    migrate_back_and_forth()

    assert f"function {function} is not as migrations" in client.get("/readyz").content.decode()
    with connection.cursor() as cursor:
        cursor.execute(f"DROP FUNCTION {function}(text)")
    assert client.get("/readyz").content == b"ready"


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_that_the_role_may_not_execute_is_named(
    client: Client, brand_a: OfficialAccount, function: str
) -> None:
    """The owner of a database may have revoked what everybody could execute by default."""
    with connection.cursor() as cursor:
        cursor.execute(f"REVOKE EXECUTE ON ROUTINE {function} FROM PUBLIC")
    restrict_to(EACH)
    answer = client.get("/readyz")
    with connection.cursor() as cursor:
        cursor.execute(f"RESET ROLE; GRANT EXECUTE ON ROUTINE {function} TO somebody")
        cursor.execute("SET LOCAL ROLE somebody")

    assert answer.status_code == 503
    assert f"may not execute {function}. As their owner, run GRANT" in answer.content.decode()
    assert client.get("/readyz").content == b"ready"
