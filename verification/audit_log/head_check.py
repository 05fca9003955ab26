"""The check of the log at every look: what is new, its end, and its guards."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import NamedTuple

from django.db import connection

from verification.audit_log.checkpoint import start_of_log
from verification.audit_log.triggers import missing_triggers
from verification.audit_log.verifier import (
    Report,
    follow_chain,
    time_of,
    verify_end,
    verify_kept_head,
)
from verification.db.snapshot import read_snapshot
from verification.models import ChainHead, Checkpoint, Seal

#: Seconds: the rest of what came is left to the check of the whole log.
PATIENCE = 10


class Kept(NamedTuple):
    """A head as it was seen at an earlier look."""

    seal_id: int
    digest: bytes


@dataclass(frozen=True)
class HeadCheck:
    last_attempt_id: int
    kept: Kept
    is_broken: bool  #: in what came since the head that was kept, or at its end
    cut_off: list[str]  #: sentences
    missing_triggers: list[str]  #: names

    @property
    def is_well(self) -> bool:
        return not (self.is_broken or self.cut_off or self.missing_triggers)


def check_head(kept: Kept) -> HeadCheck:
    """Whether the log goes through the head `kept`, and from there to where its own head says."""
    with read_snapshot():
        report = Report(head=ChainHead.objects.first(), checkpoint=Checkpoint.objects.first())
        was_pruned = kept.seal_id < start_of_log(report.checkpoint).last_seal_id
        if kept.seal_id and not was_pruned:
            verify_kept_head(report, kept.seal_id, kept.digest)
        cut_off, report.problems = report.problems, []
        follow_from(report, kept)
    head = report.head or ChainHead()
    return HeadCheck(
        head.last_attempt_id,
        Kept(head.last_seal_id, bytes(head.last_digest)),
        bool(report.problems),
        cut_off,
        missing_triggers(connection),
    )


def follow_from(report: Report, kept: Kept) -> None:
    """Note what is broken behind that head; behind the last seal, if it is not there."""
    report.start = start_of_log(report.checkpoint)
    seals = Seal.objects.order_by("-id")
    seal = seals.filter(id=kept.seal_id).first() or seals.first()
    if seal is not None:
        report.start.move_to(seal)
        report.start.last_recorded_at = time_of(seal.last_id)
    follow_chain(report, int, time.monotonic() + PATIENCE)
    if not report.is_cut_short:
        verify_end(report)
