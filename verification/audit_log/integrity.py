"""Checks of the log as they are recorded: who looked when, how far, and what was found."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime

from verification import change_log
from verification.audit_log.verifier import Report, time_of, verify_audit
from verification.change_log import Action, Actor
from verification.models import ChainHead, ChangeEvent, Seal

#: The facts of an event that a Check has.
CHECK_FACTS = (
    *("is_intact", "is_whole", "attempts", "last_seal"),
    *("head", "first_broken", "problems"),
)
#: Seconds that a page may take for a check: a router gives up after 30.
BUDGET = 15
#: A log of so many attempts is checked from its beginning each time.
ALL_AT_ONCE = 500_000


@dataclass(frozen=True)
class Check:
    """A check that is on record."""

    at: datetime
    actor: str
    is_intact: bool
    is_whole: bool  #: whether it, with those that it went on from, has seen all of the log
    attempts: int
    last_seal: int
    head: str  #: SEAL:DIGEST, where it ended
    first_broken: int | None
    problems: list[str]


def record_check(report: Report, actor: Actor) -> None:
    """Write what was found into the change log."""
    change_log.record(
        Action.LOG_CHECKED,
        actor,
        is_intact=not report.problems,
        is_whole=not report.is_cut_short,
        attempts=report.attempts,
        first_seal=report.start.last_seal_id + 1,
        last_seal=report.end.last_seal_id,
        head=report.end.text,
        first_broken=report.first_broken,
        problems=report.problems,
    )


def latest_check() -> Check | None:
    event = ChangeEvent.objects.filter(action=Action.LOG_CHECKED).order_by("-id").first()
    if event is None:
        return None
    facts = {name: event.facts[name] for name in CHECK_FACTS}
    return Check(at=event.recorded_at, actor=event.actor, **facts)


def check_within_budget() -> Report:
    """All of a small log; of a large one, what follows the last check, as far as time allows."""
    head = ChainHead.objects.first()
    is_small = head is None or head.last_attempt_id <= ALL_AT_ONCE
    start = None if is_small else vouched_head()
    return verify_audit(start=start, deadline=time.monotonic() + BUDGET)


def vouched_head() -> ChainHead | None:
    """Where the last check ended, if that found nothing and the log still goes through it."""
    check = latest_check()
    if check is None or not check.is_intact:
        return None
    seal = Seal.objects.filter(id=check.last_seal).first()
    if seal is None:
        return None
    head = ChainHead()
    head.move_to(seal)
    head.last_recorded_at = time_of(seal.last_id)
    return head if head.text == check.head else None
