"""No secret appears in any response, output or table, except where a person asked to see it."""

from __future__ import annotations

import base64
import gc
import logging.config
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from functools import partial
from io import BytesIO, StringIO, TextIOWrapper
from tempfile import NamedTemporaryFile
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from django.test import TestCase, override_settings
from django.utils import translation
from django.utils.log import AdminEmailHandler
from pytest_django import DjangoDbBlocker

from verification.alerts.watch import Watch
from verification.exports.sealed import sealed_pieces
from verification.models import VerificationAttempt
from verification.tests.support.admin_client import page
from verification.tests.support.admin_urls import every_url
from verification.tests.support.canary_secrets import (
    ENCODINGS,
    NEXT_TOKEN,
    TOKEN,
    find,
    read_tables,
)
from verification.tests.support.checkout import LOCAL, read_settings
from verification.tests.support.log_lines import printed_log_lines
from verification.tests.support.secrets_scenario import Scenario

# --- Pages


def answers(day: Scenario) -> str:
    return "\n".join(whole(answer) for answer in day.browser.answers)


def pages(day: Scenario, language: str) -> str:
    urls = sorted(every_url(day.account) - {"/admin/logout/"})
    shown = [day.browser.get(url, headers={"Accept-Language": language}) for url in urls]
    assert sum(page.status_code == 200 for page in shown) > 60
    return "\n".join(whole(page) for page in shown)


def error_pages(day: Scenario) -> str:
    assert [answer.status_code for answer in day.failed] == [500, 500, 503]
    return "\n".join(whole(answer) for answer in day.failed)


def whole(answer: Any) -> str:
    """Return body, headers and cookies as text."""
    return f"{answer.text} {answer.headers} {answer.cookies}"


# --- Lines


def printed(day: Scenario) -> str:
    return day.printed


def error_mails(day: Scenario) -> str:
    """Return the mails of a deployment that has Django mail its errors."""
    return day.mailed


def output_of(day: Scenario, command: str, *arguments: str) -> str:
    """Return what the command prints on stdout and stderr."""
    out = TextIOWrapper(BytesIO())
    with redirect_stdout(out), redirect_stderr(out):
        call_command(command, *arguments)
    out.seek(0)
    return out.read()


def download(day: Scenario) -> str:
    answer = day.browser.post(page("verificationattempt_export"))
    return f"{answer.getvalue().decode()} {answer.headers} {answer.cookies}"


def verification_of_export(day: Scenario) -> str:
    with NamedTemporaryFile() as file:
        file.write(b"".join(piece for piece, _rows in sealed_pieces()))
        file.flush()
        return output_of(day, "verify_export", file.name)


def explanations(day: Scenario) -> str:
    numbers = VerificationAttempt.objects.values_list("id", flat=True)
    return "".join(output_of(day, "explain_attempt", str(number)) for number in numbers)


def dump(day: Scenario) -> str:
    """Dump all tables, which is refused, then all without secrets; return output and refusal."""
    with redirect_stdout(StringIO()) as out:
        with pytest.raises(CommandError, match="Tokens are not serialized") as refusal:
            call_command("dumpdata")
        message = f"{refusal.value!r} {refusal.value.__cause__!r}"
        del refusal
        gc.collect()  # closes the cursor of the refused dump while its transaction is open
        with_secrets = ["token", "aeskey", "backend", "totpdevice"]
        call_command("dumpdata", exclude=[f"verification.{name}" for name in with_secrets])
    return f"{out.getvalue()} {message}"


def alerts(day: Scenario) -> str:
    """As watch finds them, in this order: what it keeps is in the tables."""
    Watch([]).run_round()
    return rows(day, "verification_alert")


# --- Database


def rows(day: Scenario, *tables: str) -> str:
    return read_tables(*tables)


def sessions(day: Scenario) -> str:
    return f"{[session.get_decoded() for session in Session.objects.all()]}"


def objects(day: Scenario) -> str:
    """Return str(), repr() and the attributes of every object."""
    every = [row for model in apps.get_models() for row in model._base_manager.all()]
    return "\n".join(f"{row} {row!r} {vars(row)}" for row in every)


#: The places where a secret could appear: how to read each, and a text that must be found there.
SINKS: dict[str, tuple[Callable[[Scenario], str], str]] = {
    "the answers of that day": (answers, "That code is incorrect"),
    "the pages in English": (partial(pages, language="en"), "Retired token"),
    "the pages in Chinese": (partial(pages, language="zh-hans"), "接入微信"),
    "the error pages": (error_pages, "<html"),
    "stdout and stderr": (printed, '"event": "attempt"'),
    "the mail about an error": (error_mails, "raise_error"),
    "the change log": (lambda day: rows(day, "verification_changeevent"), "token_revealed"),
    "the alerts": (alerts, "is refused"),
    "the sessions": (sessions, "_auth_user_id"),
    "the database before a secret is shown": (lambda day: day.noted, "secret_name"),
    "the tables": (rows, "wang.fang"),
    "the objects": (objects, "Secret(••••••••)"),
    "the CSV": (
        lambda day: output_of(day, "export_attempts", "--format=csv"),
        "_name,cause,advice",
    ),
    "the CSV of the browser": (download, "account_name,cause,advice"),
    "the JSON": (lambda day: output_of(day, "export_attempts"), '"reason": "malformed_parameter"'),
    "the sealed export": (
        lambda day: output_of(day, "export_attempts", "--format=sealed"),
        '"mac": "',
    ),
    "the check of it": (verification_of_export, "The chain in this file is intact"),
    "the dump": (dump, '"model": "auth.user"'),
    "the explanations": (explanations, "characters missing"),
    "the totals": (lambda day: output_of(day, "audit_totals"), "answered in total"),
    "the check of the log": (lambda day: output_of(day, "verify_audit"), "The log is intact"),
}


class Mailer(AdminEmailHandler):
    """Keeps the mails about errors. No setting can send them with Django 5.2 and 6.1 alike."""

    def __init__(self) -> None:
        super().__init__(include_html=True)
        self.mails: list[str] = []

    def send_mail(self, subject: Any, message: Any, *args: Any, **kwargs: Any) -> None:
        self.mails.append(f"{subject}\n{message}\n{kwargs['html_message']}")


@contextmanager
def all_output(mailer: Mailer) -> Iterator[StringIO]:
    """Capture stdout and stderr at LOG_LEVEL=DEBUG, with errors being mailed as well."""
    with redirect_stdout(StringIO()) as out, redirect_stderr(out), printed_log_lines():
        logging.config.dictConfig(read_settings(**LOCAL, LOG_LEVEL="DEBUG")["LOGGING"])
        logging.getLogger("django.request").addHandler(mailer)
        yield out
    logging.getLogger("django.request").removeHandler(mailer)
    logging.config.dictConfig(settings.LOGGING)


@pytest.fixture(scope="module")
def traces(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> dict[str, str]:
    """Simulate a working day, and return the content of each sink afterwards.

    It takes long, so it is run once for all tests, in a transaction that is rolled back.
    """
    changed, mailer = override_settings(ADMIN_REQUIRE_TOTP=True), Mailer()
    with django_db_blocker.unblock(), changed, in_a_transaction():
        with all_output(mailer) as out, pytest.MonkeyPatch.context() as monkeypatch:
            day = Scenario(monkeypatch)
        day.printed, day.mailed = out.getvalue(), "\n".join(mailer.mails)
        contents = {"secrets": "\n".join(day.secrets)}
        for sink, (read, _expected) in SINKS.items():
            with translation.override("en"):
                contents[sink] = read(day)
    return contents


@contextmanager
def in_a_transaction() -> Iterator[None]:
    """Open the transaction of a TestCase, in which the writer may open its own."""
    atomics = TestCase._enter_atomics()  # type: ignore[attr-defined]
    try:
        yield
    finally:
        TestCase._rollback_atomics(atomics)  # type: ignore[attr-defined]


@pytest.mark.django_db  # creates the database that `traces` uses
@pytest.mark.parametrize("sink", SINKS)
def test_no_secret_is_in(traces: dict[str, str], sink: str) -> None:
    _read, expected = SINKS[sink]

    assert expected in traces[sink]
    assert find(traces["secrets"].split(), traces[sink]) == []


@pytest.mark.parametrize("disguise", ENCODINGS)
def test_a_secret_would_be_found(disguise: str) -> None:
    text = f"…{ENCODINGS[disguise](TOKEN)}…"

    assert find([TOKEN], text)
    assert not find([NEXT_TOKEN], text)


@pytest.mark.parametrize("before", ["", "a", "ab", "abc"])
def test_a_secret_would_be_found_inside_base64(before: str) -> None:
    encoded = base64.b64encode(f"{before}{TOKEN}, and more".encode()).decode()

    assert find([TOKEN], encoded)
