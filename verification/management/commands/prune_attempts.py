from __future__ import annotations

import re
import signal
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.base import CommandError
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from tqdm import tqdm

from verification.audit_log.chain import BrokenChain
from verification.audit_log.checkpoint import verified_start_of_log
from verification.audit_log.integrity import record_check
from verification.audit_log.pruning import Cut, find_cut, prune
from verification.change_log import command_line_actor
from verification.management.base import GatewayCommand, add_json_argument
from verification.management.reports import format_sealed, verify_with_progress
from verification.times import format_datetime

#: Six months have at most this many days. China's Cybersecurity Law requires logs to be kept for
#: six months.
SIX_MONTHS = 184


class Command(GatewayCommand):
    help = format_lazy(
        gettext_lazy(
            "Removes the oldest attempts permanently, in whole seals, and the counts of failed "
            "sign-ins of that age. Hourly counts of attempts, accounts and the change log stay. "
            "Checks the log first, and changes nothing if the log does "
            "not verify. The remaining log verifies from a sealed checkpoint on. When "
            "interrupted, the command stops after a short step; run it again to continue. Fewer "
            "than {days} days need --yes: six months can have that many days, and the law may "
            "require you to keep the log for six months."
        ),
        days=SIX_MONTHS,
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--older-than",
            metavar="DAYS",
            required=True,
            help=_(
                "The age from which on attempts are removed: 400d removes attempts that were "
                "recorded more than 400 days ago."
            ),
        )
        parser.add_argument(
            "--dry-run",
            action="store_true",
            help=_("Prints what would be removed, and changes nothing."),
        )
        parser.add_argument(
            "--yes",
            action="store_true",
            help=_("Permits fewer than {days} days.").format(days=SIX_MONTHS),
        )
        add_json_argument(parser)

    def handle(self, *, older_than: str, dry_run: bool, yes: bool, **options: Any) -> None:
        days = parse_days(older_than)
        if days < SIX_MONTHS and not (yes or dry_run):
            sentence = _(
                "{days} days are fewer than six months can have ({six_months}), and the law may "
                "require you to keep the log that long. Nothing was pruned; add --yes if you are "
                "sure."
            )
            raise CommandError(sentence.format(days=days, six_months=SIX_MONTHS))
        require_intact_log(is_recorded=not dry_run)
        cut = find_cut(days)
        if cut and not dry_run:
            self.prune(cut)
        if options["json"]:
            self.print_json(dry_run=dry_run, older_than=older_than, **cut_facts(cut))
        elif cut is None:
            sentence = _("Nothing to prune: no whole seal is older than {days} days.")
            self.stdout.write(sentence.format(days=days))
        else:
            self.stdout.write(describe(cut, is_removed=not dry_run))

    def prune(self, cut: Cut) -> None:
        """Remove the attempts, with a progress bar. A signal ends it after the current step."""
        with (
            tqdm(total=cut.attempts, unit=" attempts", file=sys.stderr, disable=None) as bar,
            deferred_signals() as signals,
        ):

            def continue_pruning(removed: int) -> bool:
                bar.update(removed)
                return not signals

            try:
                prune(cut, command_line_actor(), continue_pruning)
            except BrokenChain as broken:
                sentence = _("{problem} Pruning stopped before that seal.")
                raise CommandError(sentence.format(problem=broken)) from broken
        left = cut.last.last_id - verified_start_of_log().last_attempt_id
        if left > 0:
            sentence = _(
                "Stopped: {left} of {total} attempts are still there. The log verifies. Run this "
                "command again to continue."
            )
            raise CommandError(
                sentence.format(left=f"{left:,}", total=f"{cut.attempts:,}"),
                returncode=128 + signals[0],
            )


def require_intact_log(*, is_recorded: bool) -> None:
    """Raise CommandError unless the log verifies; if `is_recorded`, record the check.

    The attempts may be evidence of who changed the log, and of what it held before.
    """
    report = verify_with_progress()
    if is_recorded:
        record_check(report, command_line_actor())
    if report.problems:
        sentence = _(
            "The log does not verify, so nothing was pruned. {problem} Run verify_audit to see "
            "every problem."
        )
        raise CommandError(sentence.format(problem=report.problems[0]))


def parse_days(text: str) -> int:
    match = re.fullmatch(r"([0-9]{1,5})d", text)
    if match is None:
        raise CommandError(_('"{text}" is not a number of days such as 400d.').format(text=text))
    return int(match[1])


def cut_facts(cut: Cut | None) -> dict[str, Any]:
    """Return what the cut removes, under the keys of the change log."""
    return {
        "attempts": cut.attempts if cut else 0,
        "seals": cut.seals if cut else 0,
        "from": cut.first_at if cut else None,
        "to": cut.last_at if cut else None,
    }


def describe(cut: Cut, *, is_removed: bool) -> str:
    """Return what the cut has removed or would remove, as one sentence."""
    sentence = _(
        "Would remove {sealed}, recorded from {first} to {last}; the log then begins with attempt "
        "{next}. Nothing was changed."
    )
    if is_removed:
        sentence = _(
            "Removed {sealed}, recorded from {first} to {last}; the log then begins with attempt "
            "{next}."
        )
    return sentence.format(
        sealed=format_sealed(cut.attempts, cut.seals),
        first=format_datetime(cut.first_at),
        last=format_datetime(cut.last_at),
        next=f"{cut.last.last_id + 1:,}",
    )


@contextmanager
def deferred_signals() -> Iterator[list[int]]:
    """Collect SIGINT and SIGTERM in a list, so that the current transaction can finish."""
    received: list[int] = []
    previous = {
        number: signal.signal(number, lambda signum, _frame: received.append(signum))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield received
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
