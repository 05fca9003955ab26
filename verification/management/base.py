"""What the project's commands share."""

from __future__ import annotations

import getpass
import re
from datetime import UTC, datetime
from typing import Any

from django.contrib.auth import get_user_model
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError, transaction
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from verification import change_log
from verification.accounts.tokens import other_accounts_with
from verification.change_log import Action, Actor
from verification.db.errors import format_unusable
from verification.fields import UndecryptableSecret
from verification.models import OfficialAccount
from verification.models.account import SHORT

HEAD = re.compile(r"([0-9]{1,18}):([0-9a-f]{64})")


class GatewayCommand(BaseCommand):
    """A command that speaks in sentences: refused values end it with one, and exit code 1."""

    # A missing migration is said by readyz; it must not stop somebody who looks for the cause.
    requires_system_checks: Any = []

    def execute(self, *args: Any, **options: Any) -> str | None:
        try:
            return super().execute(*args, **options)
        except ValidationError as error:
            raise CommandError(format_validation_error(error)) from error
        except UndecryptableSecret as error:
            raise CommandError(f"{error} Rotate the token, or put the lost key back.") from error
        except DatabaseError as error:
            raise CommandError(format_unusable(error)) from error

    def warn(self, account: OfficialAccount, token: str) -> None:
        if len(token) < SHORT:
            self.stderr.write(
                f"Warning: a token of {len(token)} characters can be guessed from one request "
                f"that somebody saw. Use {SHORT} or more; rotate_token generates 32."
            )
        for other in other_accounts_with(token, account):
            self.stderr.write(
                f'Warning: "{other.slug}" has the same token. Give each account one of its own.'
            )


def format_validation_error(error: ValidationError) -> str:
    """Its messages, each after the name of the field that it means."""
    if not hasattr(error, "error_dict"):
        return " ".join(error.messages)
    return " ".join(
        " ".join([*([] if field == NON_FIELD_ERRORS else [f"{field}:"]), *messages])
        for field, messages in error.message_dict.items()
    )


def create_administrator(username: str, email: str, password: str) -> None:
    """Create a superuser, and record it in the change log."""
    actor = command_line_actor()
    with transaction.atomic():
        get_user_model().objects.create_superuser(username, email, password)
        change_log.record(Action.USER_CREATED, actor, user=username)
        change_log.record(Action.ROLE_GRANTED, actor, user=username, role="superuser")


def find_account(slug: str) -> OfficialAccount:
    account = OfficialAccount.objects.filter(slug=slug).first()
    if account is None:
        raise CommandError(f'There is no official account with the slug "{slug}".')
    return account


def command_line_actor() -> Actor:
    """Who runs this command, for the change log."""
    try:
        return Actor(f"command line ({getpass.getuser()})")
    except (KeyError, OSError):  # a dyno's user has no name
        return Actor("command line")


def parse_moment(text: str | None) -> datetime | None:
    """An ISO date or time; without a zone it is in TIME_ZONE. Raises CommandError."""
    if text is None:
        return None
    try:
        moment = parse_datetime(text)  # takes a date, too
        if moment is not None:
            aware = moment if timezone.is_aware(moment) else timezone.make_aware(moment)
            return aware.astimezone(UTC)  # the first and last day of all may not have one
    except (ValueError, OverflowError):
        pass
    raise CommandError(f'"{text}" is not a time such as 2026-11-23 or 2026-11-23T10:42+08:00.')


def parse_head(text: str) -> tuple[int, bytes]:
    found = HEAD.fullmatch(text.strip())
    if found is None:
        raise CommandError(
            f'"{text}" is not a head: a seal\'s number, a colon and 64 hexadecimal digits.'
        )
    return int(found[1]), bytes.fromhex(found[2])
