from __future__ import annotations

import json
import os
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from tqdm import tqdm

from verification.audit_log.checkpoint import start_of_log
from verification.change_log import command_line_actor
from verification.db.snapshot import read_snapshot
from verification.exports.sealed import sealed_pieces
from verification.exports.writer import PIECES_BY_FORMAT, Export, Pieces
from verification.management.base import GatewayCommand, find_account, parse_time
from verification.management.reports import format_attempts
from verification.models import ChainHead, Checkpoint, VerificationAttempt

#: The option of each lookup.
OPTIONS = {"account": "account", "recorded_at__gte": "since", "recorded_at__lt": "until"}


class Command(GatewayCommand):
    help = gettext_lazy(
        "Writes the recorded attempts to standard output, oldest first, and then their number and "
        "the SHA-256 of the file to standard error. Accepted message pushes are only counted: see "
        "audit_totals."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--format",
            choices=[*sorted(PIECES_BY_FORMAT), "sealed"],
            default="jsonl",
            help=_(
                "The format (default: jsonl). sealed is the whole log with its seals, for "
                "verify_export."
            ),
        )
        parser.add_argument(
            "--account", metavar="SLUG", help=_("Exports only this account's attempts.")
        )
        parser.add_argument(
            "--since",
            metavar="ISO",
            help=_(
                "Exports attempts from this time on, such as 2026-11-23T10:42. Without a zone, the "
                "time is in TIME_ZONE."
            ),
        )
        parser.add_argument("--until", metavar="ISO", help=_("Exports attempts before this time."))
        parser.add_argument(
            "--json",
            action="store_true",
            help=_("Prints the number and the SHA-256 as one JSON object, for a script."),
        )

    def handle(self, **options: Any) -> None:
        filters = read_filters(options)
        export = Export(options["format"], command_line_actor(), describe(filters))
        if export.format == "sealed":
            if filters:
                raise CommandError(
                    _(
                        "A chain can only be checked as a whole: leave out --account, --since and "
                        "--until, or choose another --format."
                    )
                )
            if sys.stdout.isatty():
                raise CommandError(
                    _(
                        "Standard output is a terminal, which would change the file. Redirect it "
                        "to a file. With heroku run, see “Export the log” in docs/operate.md."
                    )
                )
            self.write(export, sealed_pieces(), count_sealed())
        else:
            attempts = VerificationAttempt.objects.filter(**filters).order_by("id")
            self.write(export, PIECES_BY_FORMAT[export.format](attempts), attempts.count())
        if options["json"]:
            self.stderr.write(json.dumps(export.facts), str)
        else:
            summary = _("{attempts}, SHA-256 {sha256}").format(
                attempts=format_attempts(export.rows), sha256=export.sha256
            )
            self.stderr.write(summary, str)  # without the colour of errors

    def write(self, export: Export, pieces: Pieces, total: int) -> None:
        """Write the export to standard output, and record it even if that fails."""
        # On a terminal, a bar would stand between the lines of the export.
        is_hidden = True if sys.stdout.isatty() else None
        bar = tqdm(total=total, unit=" attempts", file=sys.stderr, disable=is_hidden)
        try:
            with bar, read_snapshot():
                export.write(pieces, sys.stdout.buffer, bar.update)
        except BrokenPipeError:
            raise  # manage.py ends every command quietly whose output is piped into head
        except OSError as error:
            close_output()
            raise CommandError(
                _("The export cannot be written: {why}.").format(why=error.strerror)
            ) from error
        finally:
            export.record()


def close_output() -> None:
    """Redirect standard output to the null device, so that Python's last flush does not fail."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def read_filters(options: dict[str, Any]) -> dict[str, Any]:
    """Return the ORM lookups for the options that were given."""
    slug = options["account"]
    filters = {
        "account": None if slug is None else find_account(slug),
        "recorded_at__gte": parse_time(options["since"]),
        "recorded_at__lt": parse_time(options["until"]),
    }
    return {lookup: value for lookup, value in filters.items() if value is not None}


def describe(filters: dict[str, Any]) -> dict[str, str]:
    """Return the filters under the names of their options, with times in UTC."""
    return {
        OPTIONS[lookup]: value.slug if lookup == "account" else value.isoformat()
        for lookup, value in filters.items()
    }


def count_sealed() -> int:
    head = ChainHead.objects.first() or ChainHead()
    return head.last_attempt_id - start_of_log(Checkpoint.objects.first()).last_attempt_id
