"""rotate_encryption_keys looks whether the other processes have the newest key."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import psycopg2
import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from verification.db import sessions
from verification.db.sessions import application_name
from verification.management.commands import rotate_encryption_keys
from verification.models import ChangeEvent, OfficialAccount
from verification.tests.support.database import end_other_sessions
from verification.tests.support.gunicorn import database_url

OLD, NEW = "the-old-key-of-" * 4, "the-new-key-of-" * 4

Connect = Callable[..., Any]


@pytest.fixture(autouse=True)
def _keys(settings: Any, brand_a: OfficialAccount) -> None:
    settings.TOKEN_ENCRYPTION_KEYS = [NEW, OLD, *settings.TOKEN_ENCRYPTION_KEYS]


def ciphertext(account: OfficialAccount) -> str:
    secret = account.tokens.get().secret
    assert secret is not None
    return secret.ciphertext


def refusal() -> str:
    """Run the command, which must refuse, and return its message."""
    with pytest.raises(CommandError) as error:
        call_command("rotate_encryption_keys")
    return str(error.value)


def test_when_nobody_can_be_seen_it_changes_nothing_and_says_the_order(
    brand_a: OfficialAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rotate_encryption_keys, "other_sessions", list)
    before = ciphertext(brand_a)
    message = refusal()

    assert message.startswith("Nothing was changed: ")
    assert "(TOKEN_ENCRYPTION_KEYS=NEW,OLD), restart all processes, then run this" in message
    assert message.endswith("add --yes.")
    assert ciphertext(brand_a) == before
    assert not ChangeEvent.objects.filter(action="keys_rotated").exists()


def test_yes_skips_the_look_at_other_processes(brand_a: OfficialAccount) -> None:
    before = ciphertext(brand_a)
    call_command("rotate_encryption_keys", yes=True)

    assert ciphertext(brand_a) != before


def test_a_name_of_a_session_holds_the_newest_keys_and_fits() -> None:
    name = application_name([NEW, OLD, *"abcdef"])

    assert len(name) <= 63
    assert name.startswith(f"{application_name([NEW])} ")
    assert application_name([OLD]).split()[1] in name
    assert NEW not in name


@pytest.mark.postgresql
class TestSessions:
    @pytest.fixture
    def connect(self) -> Iterator[Connect]:
        """Connect to the database as a process of the gateway with these keys."""
        opened = []

        def open_session(*keys: str, name: str = "") -> Any:
            opened.append(
                psycopg2.connect(database_url(), application_name=name or application_name(keys))
            )
            return opened[-1]

        end_other_sessions()
        yield open_session
        for session in opened:
            session.close()

    def test_if_all_have_the_newest_key_it_encrypts(
        self, connect: Connect, brand_a: OfficialAccount
    ) -> None:
        connect(NEW, OLD)
        connect(OLD, NEW)
        before = ciphertext(brand_a)
        call_command("rotate_encryption_keys")

        assert ciphertext(brand_a) != before

    def test_a_process_without_the_newest_key_is_named_and_nothing_is_changed(
        self, connect: Connect, brand_a: OfficialAccount
    ) -> None:
        connect(NEW, OLD)
        late = connect(OLD)
        before = ciphertext(brand_a)
        message = refusal()

        assert message.startswith("Nothing was changed: 1 of 2 database sessions of the gateway")
        assert f"PostgreSQL process {late.info.backend_pid} (127.0.0.1, 20" in message
        assert ciphertext(brand_a) == before

    def test_a_process_of_the_release_before_counts_as_one_without_the_key(
        self, connect: Connect
    ) -> None:
        connect(name="wechat_gateway")

        assert "1 of 1 database sessions" in refusal()

    def test_at_most_five_sessions_are_named(self, connect: Connect) -> None:
        for _ in range(7):
            connect(OLD)
        message = refusal()

        assert "7 of 7 database sessions" in message
        assert message.count("PostgreSQL process") == 5
        assert ", and 2 more. " in message

    def test_programs_that_are_not_the_gateway_do_not_count(self, connect: Connect) -> None:
        connect(name="psql")
        connect(name="wechat_gateways_report")

        assert "no other process of the gateway can be seen" in refusal()

    def test_behind_a_pooler_it_cannot_tell(
        self, connect: Connect, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        connect(NEW, OLD)
        monkeypatch.setattr(rotate_encryption_keys, "is_pooled", lambda: True)

        assert "a connection pooler hides which processes" in refusal()

    def test_a_role_that_may_not_see_the_sessions_of_others_sees_their_keys(
        self, connect: Connect
    ) -> None:
        late = connect(OLD)
        with connection.cursor() as cursor:
            cursor.execute("CREATE ROLE somebody; SET LOCAL ROLE somebody")

        assert f": PostgreSQL process {late.info.backend_pid}. Put the new key" in refusal()

    def test_a_direct_connection_is_not_taken_for_a_pooler(self, db: None) -> None:
        assert not sessions.is_pooled()
