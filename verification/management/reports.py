"""Provides what the commands share that check the log, in the database or in a file."""

from __future__ import annotations

import re
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from tqdm import tqdm

from verification.audit_log.checkpoint import start_of_log
from verification.audit_log.report import Report
from verification.audit_log.verifier import KeptHead, verify_audit
from verification.models import ChainHead, Checkpoint

HEAD_PATTERN = re.compile(r"([0-9]{1,18}):([0-9a-f]{64})")


def add_head_argument(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--head",
        metavar="SEAL:DIGEST",
        help=_(
            "A head that you have kept, to find a log whose end was cut off or whose past was "
            "rewritten."
        ),
    )


def parse_head(text: str) -> KeptHead:
    """Return the head in `SEAL:DIGEST`. Raises CommandError."""
    match = HEAD_PATTERN.fullmatch(text.strip())
    if match is None:
        raise CommandError(
            _(
                '"{text}" is not a head: a seal\'s number, a colon and 64 hexadecimal digits.'
            ).format(text=text)
        )
    return KeptHead(int(match[1]), bytes.fromhex(match[2]))


def verify_with_progress() -> Report:
    """Verify the log, with a progress bar on a terminal."""
    head, start = ChainHead.objects.first() or ChainHead(), start_of_log(Checkpoint.objects.first())
    total = head.last_attempt_id - start.last_attempt_id
    with tqdm(total=total, unit=" attempts", file=sys.stderr, disable=None) as bar:
        return verify_audit(bar.update)


def report_facts(report: Report) -> dict[str, Any]:
    return {
        "intact": not report.problems,
        "attempts": report.attempts,
        "seals": report.seals,
        "head": report.head.text if report.head else None,
        "problems": report.problems,
    }


def exit_if_problems(report: Report) -> None:
    """Raise CommandError with the problems of the report, if it has any."""
    if report.problems:
        sealed = format_sealed(report.attempts, report.seals)
        checked = _("Checked: {sealed}.").format(sealed=sealed)
        raise CommandError("\n".join([*report.problems, *report.advice, checked]))


def format_sealed(attempts: int, seals: int) -> str:
    """Return how many attempts there are, under how many seals."""
    return _("{attempts} under {seals}").format(
        attempts=format_attempts(attempts),
        seals=ngettext("{count} seal", "{count} seals", seals).format(count=f"{seals:,}"),
    )


def format_attempts(count: int) -> str:
    return ngettext("{count} attempt", "{count} attempts", count).format(count=f"{count:,}")
