from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Any

from django.core.management.base import CommandError
from tqdm import tqdm

from verification.audit import verify_audit
from verification.management.base import GatewayCommand
from verification.models import ChainHead, Seal


class Command(GatewayCommand):
    help = (
        "Check that nobody changed the log: every seal of the chain, the tallies and the triggers. "
        "Exit code 1 when something is wrong, with a sentence for each finding."
    )

    def handle(self, **options: Any) -> None:
        report = verify_audit(watch_progress)
        counts = f"{report.attempts:,} attempts under {report.seals:,} seals"
        if report.problems:
            raise CommandError("\n".join([*report.problems, f"Good before that: {counts}."]))
        self.stdout.write(f"The log is intact: {counts}; tallies add up, triggers are in place.")
        if head := ChainHead.objects.first():
            digest = bytes(head.last_digest).hex()
            self.stdout.write(f"Keep this elsewhere: seal {head.last_seal_id}, digest {digest}")


def watch_progress(seals: Iterator[Seal]) -> Iterable[Seal]:
    head = ChainHead.objects.first()
    total = head.last_seal_id if head else 0
    bar: Iterable[Seal] = tqdm(seals, total=total, unit=" seals", file=sys.stderr, disable=None)
    return bar
