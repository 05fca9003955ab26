from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.db import DatabaseError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from verification.audit_log.integrity import record_check
from verification.audit_log.report import Report
from verification.audit_log.verifier import verify_kept_head
from verification.change_log import command_line_actor
from verification.db.errors import first_line
from verification.management.base import GatewayCommand, add_json_argument
from verification.management.reports import (
    add_head_argument,
    exit_if_problems,
    format_sealed,
    parse_head,
    report_facts,
    verify_with_progress,
)
from verification.models import Checkpoint
from verification.times import format_datetime


class Command(GatewayCommand):
    help = gettext_lazy(
        "Checks that the log has not been changed: every seal of the chain, the tallies, every "
        "event of the change log, whether accounts are as it recorded them, and whether tables and "
        "triggers are as migrations make them. The exit code is 1 if something is wrong, with a "
        "sentence for each finding."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_head_argument(parser)
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
        sentence = _(
            "The log is intact: {sealed}; tallies add up, tables and triggers are in place."
        )
        self.stdout.write(sentence.format(sealed=format_sealed(report.attempts, report.seals)))
        if report.head:
            sentence = _("Keep this elsewhere, for --head: {head}")
            self.stdout.write(sentence.format(head=report.head.text))


def checkpoint_facts(checkpoint: Checkpoint) -> dict[str, Any]:
    return {
        "attempts": checkpoint.last_attempt_id,
        "seals": checkpoint.last_seal_id,
        "recorded_at": checkpoint.recorded_at,
        "pruned_at": checkpoint.pruned_at,
        "actor": checkpoint.actor,
    }


def format_checkpoint(checkpoint: Checkpoint) -> str:
    return _(
        "Records up to {time} were pruned, last on {pruned_at} by {actor}: {sealed}. The check "
        "began at the checkpoint that stands for them, with attempt {first}."
    ).format(
        time=format_datetime(checkpoint.recorded_at),
        pruned_at=format_datetime(checkpoint.pruned_at),
        actor=checkpoint.actor_name,
        sealed=format_sealed(checkpoint.last_attempt_id, checkpoint.last_seal_id),
        first=f"{checkpoint.last_attempt_id + 1:,}",
    )
