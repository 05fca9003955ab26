from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.db import DatabaseError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from tqdm import tqdm

from verification.audit_log.checkpoint import start_of_log
from verification.audit_log.integrity import record_check
from verification.audit_log.triggers import MISSING_TRIGGER_ADVICE
from verification.audit_log.verifier import Report, verify_audit, verify_kept_head
from verification.change_log import command_line_actor
from verification.db.errors import first_line
from verification.management.base import (
    GatewayCommand,
    add_json_argument,
    format_sealed,
    parse_head,
)
from verification.models import ChainHead, Checkpoint
from verification.times import format_datetime


class Command(GatewayCommand):
    help = gettext_lazy(
        "Checks that the log has not been changed: every seal of the chain, the tallies and the "
        "triggers. The exit code is 1 if something is wrong, with a sentence for each finding."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--head",
            metavar="SEAL:DIGEST",
            help=_(
                "A head that you have kept, to find a log whose end was cut off or whose past was "
                "rewritten."
            ),
        )
        add_json_argument(parser)

    def handle(self, *, head: str | None, **options: Any) -> None:
        kept = parse_head(head) if head is not None else None
        report = verify_with_progress()
        if kept:
            verify_kept_head(report, *kept)
        try:
            record_check(report, command_line_actor())
        except DatabaseError as error:
            # A read-only database is no reason to withhold the findings.
            warning = _("Warning: this check is not in the change log: {why}.")
            self.stderr.write(warning.format(why=first_line(error)))
        if options["json"]:
            checkpoint = report.checkpoint and checkpoint_facts(report.checkpoint)
            self.print_json(**report_facts(report), checkpoint=checkpoint)
            exit_if_problems(report)
        else:
            self.print_report(report)

    def print_report(self, report: Report) -> None:
        if report.checkpoint:
            self.stdout.write(format_checkpoint(report.checkpoint))
        exit_if_problems(report)
        sentence = _("The log is intact: {sealed}; tallies add up, triggers are in place.")
        self.stdout.write(sentence.format(sealed=format_sealed(report.attempts, report.seals)))
        if report.head:
            sentence = _("Keep this elsewhere, for --head: {head}")
            self.stdout.write(sentence.format(head=report.head.text))


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


def checkpoint_facts(checkpoint: Checkpoint) -> dict[str, Any]:
    return {
        "attempts": checkpoint.last_attempt_id,
        "seals": checkpoint.last_seal_id,
        "recorded_at": checkpoint.recorded_at,
        "pruned_at": checkpoint.pruned_at,
        "actor": checkpoint.actor,
    }


def exit_if_problems(report: Report) -> None:
    """Raise CommandError with the problems of the report, if it has any."""
    if report.problems:
        sealed = format_sealed(report.attempts, report.seals)
        advice = [str(MISSING_TRIGGER_ADVICE)] if report.missing_triggers else []
        checked = _("Checked: {sealed}.").format(sealed=sealed)
        raise CommandError("\n".join([*report.problems, *advice, checked]))


def format_checkpoint(checkpoint: Checkpoint) -> str:
    return _(
        "Records up to {time} were pruned, last on {pruned_at} by {actor}: {sealed}. The check "
        "began at the checkpoint that stands for them, with attempt {first}."
    ).format(
        time=format_datetime(checkpoint.recorded_at),
        pruned_at=format_datetime(checkpoint.pruned_at),
        actor=checkpoint.actor,
        sealed=format_sealed(checkpoint.last_attempt_id, checkpoint.last_seal_id),
        first=f"{checkpoint.last_attempt_id + 1:,}",
    )
