"""Django's own commands that change users leave change events."""

from __future__ import annotations

import getpass

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command

from verification.audit_log.verifier import verify_audit
from verification.models import ChangeEvent

PASSWORD = "correct horse battery"


def recorded() -> list[tuple[str, str, str]]:
    """Return actor, action and user of each event."""
    events = ChangeEvent.objects.order_by("id")
    return [(event.actor.split(" (")[0], event.action, event.facts["user"]) for event in events]


def test_createsuperuser_is_in_the_change_log(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", PASSWORD)
    call_command(
        "createsuperuser", interactive=False, username="chen.jing", email="chen.jing@example.cn"
    )

    assert User.objects.get().is_superuser
    assert recorded() == [
        ("command line", "user_created", "chen.jing"),
        ("command line", "role_granted", "chen.jing"),
    ]
    assert verify_audit().problems == []


def test_changepassword_is_in_the_change_log(li_wei: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(getpass, "getpass", lambda prompt: PASSWORD)
    call_command("changepassword", "li.wei")
    li_wei.refresh_from_db()

    assert li_wei.check_password(PASSWORD)
    assert recorded() == [("command line", "password_changed", "li.wei")]
    assert PASSWORD not in f"{[*ChangeEvent.objects.values()]}"


def test_afterwards_other_changes_of_users_are_not_taken_for_theirs(
    li_wei: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(getpass, "getpass", lambda prompt: PASSWORD)
    call_command("changepassword", "li.wei")
    li_wei.save()

    assert len(recorded()) == 1
