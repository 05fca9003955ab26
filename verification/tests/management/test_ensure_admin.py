from __future__ import annotations

from pathlib import Path

import pytest
from django.contrib.auth import authenticate
from django.contrib.auth.models import User
from django.core.management import call_command
from django.core.management.base import CommandError
from django.http import HttpRequest

from verification.models import ChangeEvent
from verification.tests.support.checkout import Checkout, assert_one_sentence

PASSWORD = "correct horse battery"
CHEN_JING = {
    "DJANGO_SUPERUSER_USERNAME": "chen.jing",
    "DJANGO_SUPERUSER_EMAIL": "chen.jing@example.cn",
    "DJANGO_SUPERUSER_PASSWORD": PASSWORD,
}


@pytest.fixture
def chen_jing(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Set the variables of the administrator, as the form of the deploy button does."""
    for name, value in CHEN_JING.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


def refusal() -> str:
    with pytest.raises(CommandError) as error:
        call_command("ensure_admin")
    assert not User.objects.exists()
    return str(error.value)


@pytest.mark.usefixtures("db", "chen_jing")
def test_the_administrator_can_sign_in(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("ensure_admin")
    user = User.objects.get()

    assert capsys.readouterr().out == 'Created the administrator "chen.jing".\n'
    assert (user.is_superuser, user.is_staff, user.email) == (True, True, "chen.jing@example.cn")
    assert authenticate(HttpRequest(), username="chen.jing", password=PASSWORD)


@pytest.mark.usefixtures("db", "chen_jing")
def test_the_new_administrator_is_in_the_change_log() -> None:
    call_command("ensure_admin")
    events = ChangeEvent.objects.order_by("id").values_list("action", "facts")

    assert list(events) == [
        ("user_created", {"user": "chen.jing"}),
        ("role_granted", {"user": "chen.jing", "role": "superuser"}),
    ]


@pytest.mark.usefixtures("db")
def test_a_second_release_changes_nothing(
    chen_jing: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("ensure_admin")
    before = User.objects.values().get()
    chen_jing.setenv("DJANGO_SUPERUSER_PASSWORD", "another horse battery")
    call_command("ensure_admin")

    assert User.objects.values().get() == before
    assert capsys.readouterr().out.endswith(
        'The user "chen.jing" already exists; nothing was changed.\n'
    )


@pytest.mark.usefixtures("db")
def test_the_password_may_be_removed_after_the_first_sign_in(
    chen_jing: pytest.MonkeyPatch,
) -> None:
    call_command("ensure_admin")
    chen_jing.delenv("DJANGO_SUPERUSER_PASSWORD")
    call_command("ensure_admin")

    assert User.objects.get().check_password(PASSWORD)


@pytest.mark.usefixtures("db")
def test_an_email_address_is_not_needed(chen_jing: pytest.MonkeyPatch) -> None:
    chen_jing.delenv("DJANGO_SUPERUSER_EMAIL")
    call_command("ensure_admin")

    assert User.objects.get().email == ""


@pytest.mark.usefixtures("db")
@pytest.mark.parametrize("value", [None, "", "  "])
@pytest.mark.parametrize("name", ["DJANGO_SUPERUSER_USERNAME", "DJANGO_SUPERUSER_PASSWORD"])
def test_a_missing_variable_is_named(
    chen_jing: pytest.MonkeyPatch, name: str, value: str | None
) -> None:
    chen_jing.delenv(name)
    if value is not None:
        chen_jing.setenv(name, value)

    assert refusal() == f"{name} is not set."


@pytest.mark.usefixtures("db")
@pytest.mark.parametrize(
    ("name", "value", "why"),
    [
        ("PASSWORD", "12 tea cups", "at least 12 characters"),
        ("PASSWORD", "735028164937502816", "entirely numeric"),
        ("PASSWORD", "1q2w3e4r5t6y", "too common"),
        ("PASSWORD", "chen.jing.chen", "too similar to the username"),
        ("USERNAME", "chen jing", "Enter a valid username"),
        ("USERNAME", "c" * 151, "at most 150 characters"),
        ("EMAIL", "chen.jing", "Enter a valid email address"),
    ],
)
def test_a_refused_value_is_named_and_not_shown(
    chen_jing: pytest.MonkeyPatch, name: str, value: str, why: str
) -> None:
    chen_jing.setenv(f"DJANGO_SUPERUSER_{name}", value)
    message = refusal()

    assert message.startswith(f"DJANGO_SUPERUSER_{name}: ")
    assert why in message
    assert value not in message


def test_errors_are_one_sentence_and_an_exit_code(transactional_db: None, tmp_path: Path) -> None:
    checkout = Checkout(tmp_path)
    weak = {**CHEN_JING, "DJANGO_SUPERUSER_PASSWORD": "0123456789012345"}
    refused = checkout.manage_test_database("ensure_admin", **weak)
    made = checkout.manage_test_database("ensure_admin", **CHEN_JING)

    assert "entirely numeric" in assert_one_sentence(refused)
    assert (made.returncode, made.stderr) == (0, "")
    assert PASSWORD not in made.stdout
