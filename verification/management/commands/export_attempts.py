from __future__ import annotations

import os
import sys
from argparse import ArgumentParser
from datetime import datetime
from typing import Any

from django.core.management.base import CommandError
from django.db.models import QuerySet
from tqdm import tqdm

from verification.export import WRITERS
from verification.management.base import (
    GatewayCommand,
    command_line_actor,
    find_account,
    parse_moment,
)
from verification.models import ChangeEvent, VerificationAttempt


class Command(GatewayCommand):
    help = (
        "Write the recorded attempts to standard output, oldest first. Accepted message pushes "
        "are counted, not recorded one by one: see audit_totals."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--format", choices=sorted(WRITERS), default="jsonl")
        parser.add_argument("--account", metavar="SLUG", help="only this account's attempts")
        parser.add_argument(
            "--since",
            metavar="ISO",
            help="from this time on: 2026-11-23T10:42, in TIME_ZONE unless it names a zone",
        )
        parser.add_argument("--until", metavar="ISO", help="before this time")

    def handle(self, **options: Any) -> None:
        since, until = parse_moment(options["since"]), parse_moment(options["until"])
        attempts = find_attempts(options["account"], since, until)
        ChangeEvent.objects.create(
            actor=command_line_actor(), action=ChangeEvent.Action.EXPORTED, detail=options["format"]
        )
        progress = tqdm(
            attempts.iterator(chunk_size=2000), unit=" attempts", file=sys.stderr, disable=None
        )
        try:
            # Not self.stdout, which would end each piece with a line break.
            WRITERS[options["format"]](progress, sys.stdout)
            sys.stdout.flush()
        except BrokenPipeError:  # piped into head
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        except OSError as error:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise CommandError(f"The export cannot be written: {error.strerror}.") from error


def find_attempts(
    slug: str | None, since: datetime | None, until: datetime | None
) -> QuerySet[VerificationAttempt]:
    attempts = VerificationAttempt.objects.select_related("account").order_by("id")
    if slug is not None:
        attempts = attempts.filter(account=find_account(slug))
    if since is not None:
        attempts = attempts.filter(recorded_at__gte=since)
    if until is not None:
        attempts = attempts.filter(recorded_at__lt=until)
    return attempts
