from __future__ import annotations

import re
import signal
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.base import CommandError
from tqdm import tqdm

from verification.audit_log.chain import BrokenChain
from verification.audit_log.checkpoint import start_of_log
from verification.audit_log.integrity import record_check
from verification.audit_log.pruning import Cut, find_cut, prune
from verification.audit_log.verifier import Report
from verification.management.base import GatewayCommand, command_line_actor
from verification.management.commands.verify_audit import verify_with_progress
from verification.times import format_datetime

#: Six months can have so many days, and China's Cybersecurity Law wants logs kept that long.
SIX_MONTHS = 184


class Command(GatewayCommand):
    help = (
        "Remove the oldest attempts for good, whole seals at a time; hourly counts, accounts and "
        "the change log stay. First checks the log, and touches none that does not verify. What "
        "is left verifies, from a sealed checkpoint on. Interrupted, it stops after a step that "
        f"takes a moment; run it again to go on. Fewer than {SIX_MONTHS} days need --yes: six "
        "months can have that many, and the law may want the log kept that long."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--older-than",
            metavar="DAYS",
            required=True,
            help="400d removes what was recorded more than 400 days ago",
        )
        parser.add_argument("--dry-run", action="store_true", help="say what would go, and stop")
        parser.add_argument("--yes", action="store_true", help=f"even below {SIX_MONTHS} days")

    def handle(self, *, older_than: str, dry_run: bool, yes: bool, **options: Any) -> None:
        days = parse_days(older_than)
        if days < SIX_MONTHS and not yes:
            raise CommandError(
                f"{days} days are fewer than six months can have ({SIX_MONTHS}), and the law may "
                "want the log kept that long. Nothing was pruned; add --yes if you are sure."
            )
        report = verify_with_progress()
        if not dry_run:
            record_check(report, command_line_actor())
        refuse_broken_log(report)
        cut = find_cut(days)
        if cut is None:
            self.stdout.write(f"Nothing to prune: no whole seal is older than {days} days.")
        elif dry_run:
            self.stdout.write(f"Would remove {describe(cut)}. Nothing was changed.")
        else:
            self.prune(cut)

    def prune(self, cut: Cut) -> None:
        with (
            tqdm(total=cut.attempts, unit=" attempts", file=sys.stderr, disable=None) as bar,
            signals_kept() as signals,
        ):

            def goes_on(removed: int) -> bool:
                bar.update(removed)
                return not signals

            try:
                prune(cut, command_line_actor(), goes_on)
            except BrokenChain as broken:
                raise CommandError(f"{broken} Pruning stopped before it.") from broken
        left = cut.last.last_id - start_of_log().last_attempt_id
        if left > 0:
            raise CommandError(
                f"Stopped: {left:,} of {cut.attempts:,} attempts are still there. The log "
                "verifies; run this again to go on.",
                returncode=128 + signals[0],
            )
        self.stdout.write(f"Removed {describe(cut)}.")


def parse_days(text: str) -> int:
    found = re.fullmatch(r"([0-9]{1,5})d", text)
    if found is None:
        raise CommandError(f'"{text}" is not a number of days such as 400d.')
    return int(found[1])


def refuse_broken_log(report: Report) -> None:
    """What goes may be the evidence of who changed it, and of what was there before."""
    if report.problems:
        raise CommandError(
            f"The log does not verify, so nothing was pruned. {report.problems[0]} "
            "Run verify_audit for all that is wrong."
        )


def describe(cut: Cut) -> str:
    return (
        f"{cut.attempts:,} attempts under {cut.seals:,} seals, recorded from "
        f"{format_datetime(cut.first_at)} to {format_datetime(cut.last_at)}; the log then begins "
        f"with attempt {cut.last.last_id + 1:,}"
    )


@contextmanager
def signals_kept() -> Iterator[list[int]]:
    """Ctrl-C, and a dyno that is stopped, are noted, for the transaction in hand to be finished."""
    noted: list[int] = []
    former = {
        number: signal.signal(number, lambda signum, _frame: noted.append(signum))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield noted
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
