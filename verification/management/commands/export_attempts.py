from __future__ import annotations

import os
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from tqdm import tqdm

from verification.audit_log.checkpoint import start_of_log
from verification.db.snapshot import read_snapshot
from verification.exports.sealed import sealed_pieces
from verification.exports.writer import PIECES_BY_FORMAT, Export, Pieces
from verification.management.base import (
    GatewayCommand,
    command_line_actor,
    find_account,
    parse_moment,
)
from verification.models import ChainHead, Checkpoint, VerificationAttempt

OPTIONS = {"account": "account", "recorded_at__gte": "since", "recorded_at__lt": "until"}


class Command(GatewayCommand):
    help = (
        "Write the recorded attempts to standard output, oldest first, and at the end their number "
        "and the SHA-256 of the file to standard error. Accepted message pushes are counted, not "
        "recorded one by one: see audit_totals."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--format",
            choices=[*sorted(PIECES_BY_FORMAT), "sealed"],
            default="jsonl",
            help="sealed is the whole log with its seals, for verify_export (jsonl)",
        )
        parser.add_argument("--account", metavar="SLUG", help="only this account's attempts")
        parser.add_argument(
            "--since",
            metavar="ISO",
            help="from this time on: 2026-11-23T10:42, in TIME_ZONE unless it names a zone",
        )
        parser.add_argument("--until", metavar="ISO", help="before this time")

    def handle(self, **options: Any) -> None:
        filters = read_filters(options)
        export = Export(options["format"], command_line_actor(), describe(filters))
        if export.format == "sealed":
            refuse(filters)
            self.send(export, sealed_pieces(), count_sealed())
        else:
            attempts = VerificationAttempt.objects.filter(**filters).order_by("id")
            self.send(export, PIECES_BY_FORMAT[export.format](attempts), attempts.count())

    def send(self, export: Export, pieces: Pieces, total: int) -> None:
        bar = tqdm(total=total, unit=" attempts", file=sys.stderr, disable=None)
        try:
            with bar, read_snapshot():
                export.write(pieces, sys.stdout.buffer, bar.update)
        except BrokenPipeError:  # piped into head
            close_output()
        except OSError as error:
            close_output()
            raise CommandError(f"The export cannot be written: {error.strerror}.") from error
        finally:
            export.record()
        if export.is_complete:
            said = f"{export.rows:,} attempts, SHA-256 {export.sha256}"
            self.stderr.write(said, str)  # without the colour of errors


def close_output() -> None:
    """Let Python flush into nothing what nobody takes any more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def read_filters(options: dict[str, Any]) -> dict[str, Any]:
    """The lookups that were asked for."""
    slug = options["account"]
    filters = {
        "account": None if slug is None else find_account(slug),
        "recorded_at__gte": parse_moment(options["since"]),
        "recorded_at__lt": parse_moment(options["until"]),
    }
    return {lookup: value for lookup, value in filters.items() if value is not None}


def describe(filters: dict[str, Any]) -> dict[str, str]:
    """By the names that the options have, and with the zone that was meant."""
    return {
        OPTIONS[lookup]: value.slug if lookup == "account" else value.isoformat()
        for lookup, value in filters.items()
    }


def refuse(filters: dict[str, Any]) -> None:
    if filters:
        raise CommandError(
            "A chain can only be checked whole: leave out --account, --since and --until, "
            "or choose another --format."
        )


def count_sealed() -> int:
    head = ChainHead.objects.first() or ChainHead()
    return head.last_attempt_id - start_of_log(Checkpoint.objects.first()).last_attempt_id
