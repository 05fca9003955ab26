"""Provides what the project's management commands share."""

from __future__ import annotations

import getpass
import json
import sys
from argparse import ArgumentParser
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, transaction
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.translation import gettext as _

from verification import change_log
from verification.accounts.backends import describe_decrypted_ids, mask_url
from verification.accounts.tokens import other_accounts_with
from verification.change_log import Action, command_line_actor
from verification.db.errors import format_unusable
from verification.fields import UndecryptableSecret
from verification.keys import MISSING_KEY_ADVICE
from verification.management.help_formatter import HelpFormatter
from verification.models import Backend, OfficialAccount
from verification.models.account import MIN_SAFE_LENGTH, generate_secret
from verification.models.platform_ids import describe_unusual_id
from verification.models.rotating_secret import RotatingSecret
from verification.protocol.enums import DeliveryResult, Platform
from verification.times import midnight

#: The values of an option that is on or off.
YES_NO = {"yes": True, "no": False}


class GatewayCommand(BaseCommand):
    """A command that reports expected errors in one sentence, with exit code 1."""

    # /readyz reports missing migrations. They must not stop a command that looks for the cause.
    requires_system_checks: Any = []
    _called_from_command_line: bool  # Django's; its type stubs leave it out
    help: Any = ""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.help = str(self.help)  # argparse cannot wrap a lazy translation

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        kwargs.setdefault("formatter_class", HelpFormatter)
        return super().create_parser(prog_name, subcommand, **kwargs)

    def add_base_argument(self, parser: CommandParser, *args: Any, **kwargs: Any) -> None:
        super().add_base_argument(parser, *args, **{**kwargs, "help": _(kwargs["help"])})

    def execute(self, *args: Any, **options: Any) -> str | None:
        try:
            with expected_errors():
                return super().execute(*args, **options)
        except CommandError as error:
            if options["traceback"] or not self._called_from_command_line:
                raise
            # run_from_argv would print the name of the class before it, in every language.
            self.stderr.write(_("CommandError: %(error)s") % {"error": error})
            sys.exit(error.returncode)

    def warn_about_token(self, account: OfficialAccount, token: str) -> None:
        if len(token) < MIN_SAFE_LENGTH:
            warning = _(
                "Warning: a token of {length} characters can be guessed from one captured request. "
                "Use {safe} or more; rotate_token generates 32."
            )
            self.stderr.write(warning.format(length=len(token), safe=MIN_SAFE_LENGTH))
        for other in other_accounts_with(token, account):
            warning = _('Warning: "{slug}" has the same token. Give each account its own token.')
            self.stderr.write(warning.format(slug=other.slug))

    def warn_about_id(self, account: OfficialAccount) -> None:
        if warning := describe_unusual_id(account.app_id, account.platform):
            self.stderr.write(_("Warning: {warning}").format(warning=warning))

    def warn_about_decryption(self, account: OfficialAccount) -> None:
        """Warn that the backend gets only messages that end with the new ids of the account."""
        if warning := describe_decrypted_ids(account):
            self.stderr.write(_("Warning: {warning}").format(warning=warning))

    def print_json(self, **facts: Any) -> None:
        """Print one JSON object on one line; it is ASCII, so that every terminal shows it."""
        self.stdout.write(json.dumps(facts, default=_format_value))


# --- JSON, for scripts
#
# A command with --json prints one object on one line, whatever it prints without. A list is a value
# in it. Keys are those of exports and log lines, and never translated; times are in UTC.


def add_json_argument(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--json", action="store_true", help=_("Prints one JSON object, for a script.")
    )


def account_facts(account: OfficialAccount) -> dict[str, Any]:
    """Return the keys that every object about an account begins with."""
    return {
        "slug": account.slug,
        "name": account.name,
        "platform": Platform(account.platform).label,
        "path": account.server_path,
        "url": account.server_url if settings.PUBLIC_URL else None,
    }


def backend_facts(backend: Backend) -> dict[str, Any]:
    """Return what a script may know about a backend, without its secrets."""
    failure = backend.last_failure if backend.is_failing else None
    return {
        "url": mask_url(backend.url),
        "on_failure": backend.on_failure,
        "retention_days": backend.retention_days,
        "forwards_decrypted": backend.forwards_decrypted,
        "failing_since": backend.failing_since,
        "reason": None if failure is None else DeliveryResult(failure).label,
        "last_success": backend.last_success_at,
    }


def _format_value(value: Any) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    return str(value)  # a translation that is still lazy


# --- Secrets and accounts


def add_token_argument(parser: ArgumentParser, text: str) -> None:
    """Add --token; `text` says what the token is for."""
    advice = _(
        "A token on the command line stays in the shell's history: write --token - to type or pipe "
        "it to standard input instead."
    )
    parser.add_argument("--token", metavar="TOKEN", help=f"{text} {advice}")


def read_token(option: str | None) -> str:
    """Return the token of --token: a generated one without it, one line of input for "-"."""
    if option is None:
        return generate_secret()
    return read_secret_line("--token", _("Token: ")) if option == "-" else option


def read_secret_line(option: str, prompt: str) -> str:
    """Return one line of standard input, without echo on a terminal. Raises CommandError."""
    try:
        if sys.stdin is not None and sys.stdin.isatty():
            return getpass.getpass(prompt)
        line = sys.stdin.readline() if sys.stdin is not None else ""
    except EOFError:
        line = ""
    if not line:
        sentence = _("{option} - reads standard input, which was empty.")
        raise CommandError(sentence.format(option=option))
    return line.rstrip("\r\n")


def parse_hours(text: str | None) -> timedelta | None:
    """Return the value of --keep-old. Raises CommandError."""
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 3 and int(text) <= 168):
        raise CommandError(_("--keep-old takes whole hours from 0 to 168 (7 days)."))
    return timedelta(hours=int(text))


def previous_facts(previous: Iterable[RotatingSecret]) -> list[dict[str, Any]]:
    """Return the previous secrets that are valid now."""
    return [
        {"fingerprint": secret.fingerprint, "expires_at": secret.expires_at}
        for secret in previous
        if secret.is_live_at(timezone.now())
    ]


def format_server_url(account: OfficialAccount) -> Iterator[str]:
    """Yield the line with the server URL; without PUBLIC_URL, its path and a sentence."""
    if settings.PUBLIC_URL:
        yield _("Server URL: {url}").format(url=account.server_url)
        return
    yield _("Path:       {path}").format(path=account.server_path)
    yield _("PUBLIC_URL is not set: put the address of your server in front of this path.")


@contextmanager
def expected_errors() -> Iterator[None]:
    """Turn each error that an operator can fix into a CommandError of one sentence."""
    try:
        yield
    except ValidationError as error:
        raise CommandError(format_validation_error(error)) from error
    except UndecryptableSecret as error:
        sentence = _("A stored secret cannot be decrypted. {advice}")
        raise CommandError(sentence.format(advice=MISSING_KEY_ADVICE)) from error
    except DatabaseError as error:
        raise CommandError(format_unusable(error)) from error


def format_validation_error(error: ValidationError) -> str:
    """Return the messages as one line, with the name of each field before its messages."""
    if not hasattr(error, "error_dict"):
        return " ".join(error.messages)
    parts: list[str] = []
    for field, messages in error.message_dict.items():
        if field != NON_FIELD_ERRORS:
            parts.append(f"{field}:")
        parts += messages
    return " ".join(parts)


def create_administrator(username: str, email: str, password: str) -> None:
    """Create a superuser and record it in the change log."""
    actor = command_line_actor()
    with transaction.atomic():
        get_user_model().objects.create_superuser(username, email, password)
        change_log.record(Action.USER_CREATED, actor, user=username)
        change_log.record(Action.ROLE_GRANTED, actor, user=username, role="superuser")


def find_account(slug: str) -> OfficialAccount:
    """Return the account with this slug. Raises CommandError."""
    account = OfficialAccount.objects.filter(slug=slug).first()
    if account is None:
        raise CommandError(_('There is no account with the slug "{slug}".').format(slug=slug))
    return account


def parse_time(text: str | None) -> datetime | None:
    """Return the ISO date or time in `text` as a UTC time. Without a zone, it is in TIME_ZONE.

    Raises CommandError.
    """
    if text is None:
        return None
    try:
        if day := parse_date(text):
            return midnight(day).astimezone(UTC)
        time = parse_datetime(text)
        if time is not None:
            aware = time if timezone.is_aware(time) else timezone.make_aware(time)
            return aware.astimezone(UTC)  # raises OverflowError near the years 1 and 9999
    except (ValueError, OverflowError):
        pass
    raise CommandError(
        _('"{text}" is not a time such as 2026-11-23 or 2026-11-23T10:42+08:00.').format(text=text)
    )
