"""Records checks of the log in the change log, and continues later checks from the last one."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from verification import change_log
from verification.audit_log.report import MISSING_SEAL_KEY_ADVICE, LogState, Report
from verification.audit_log.schema_check import MIGRATE_ADVICE, RESTART_ADVICE
from verification.audit_log.verifier import time_of, verify_audit
from verification.change_log import Action, Actor, is_genuine
from verification.models import ChainHead, ChangeEvent, Seal
from verification.models.change_event import name_actor

#: The facts of a change event that a Check has as attributes.
CHECK_FACTS = ("is_whole", "attempts", "last_seal", "head", "first_broken", "problems")
#: Seconds that a check may take while a page waits for it. A router gives up after 30.
MAX_SECONDS = 15
#: A log of at most this many attempts is always checked from its beginning.
MAX_ATTEMPTS_AT_ONCE = 500_000
#: The number of events among which the latest genuine one is searched for.
MAX_EVENTS = 20
#: What to do in the states in which nothing shows that the log was altered.
ADVICE = {
    LogState.KEY_MISSING: MISSING_SEAL_KEY_ADVICE,
    LogState.NEWER_RELEASE: RESTART_ADVICE,
    LogState.MIGRATIONS_MISSING: MIGRATE_ADVICE,
}


@dataclass(frozen=True)
class Check:
    """Holds a check that was recorded in the change log."""

    at: datetime
    actor: str
    state: LogState
    is_whole: bool  #: the check, with the earlier ones that it continued, covers the whole log
    attempts: int
    last_seal: int
    head: str  #: SEAL:DIGEST, where the check ended
    first_broken: int | None
    problems: list[str]

    @property
    def actor_name(self) -> str:
        return name_actor(self.actor)

    @property
    def is_intact(self) -> bool:
        return self.state is LogState.INTACT

    @property
    def advice(self) -> str:
        """Return what to do if the log could not be checked, or nothing if it was altered."""
        return str(ADVICE.get(self.state, ""))


def record_check(report: Report, actor: Actor) -> None:
    """Write the result of a check into the change log."""
    change_log.record(
        Action.LOG_CHECKED,
        actor,
        is_intact=not report.problems,
        state=report.state.value,
        is_whole=not report.is_cut_short,
        attempts=report.attempts,
        first_seal=report.start.last_seal_id + 1,
        last_seal=report.end.last_seal_id,
        head=report.end.text,
        first_broken=report.first_broken,
        problems=report.problems,
    )


def latest_check(actor: str | None = None) -> Check | None:
    """Return the last recorded check, of this actor if given, or None if there is none.

    An event that somebody else put into the table does not count.
    """
    events = ChangeEvent.objects.filter(action=Action.LOG_CHECKED).order_by("-id")
    if actor is not None:
        events = events.filter(actor=actor)
    event = next(filter(is_genuine, events[:MAX_EVENTS]), None)
    if event is None:
        return None
    facts = {name: event.facts[name] for name in CHECK_FACTS}
    state = state_of_check(event.facts)
    return Check(at=event.recorded_at, actor=event.actor, state=state, **facts)


def state_of_check(facts: Mapping[str, Any]) -> LogState:
    """Return what a check found.

    Another release records no state, or one that is unknown here. Then `is_intact` decides.
    """
    if facts.get("state") in LogState.values:
        return LogState(facts["state"])
    return LogState.INTACT if facts["is_intact"] else LogState.NOT_INTACT


def check_within_budget() -> Report:
    """Check the log in at most about MAX_SECONDS.

    A small log is checked from its beginning, a large one from where the last check ended.
    """
    head = ChainHead.objects.first()
    is_small = head is None or head.last_attempt_id <= MAX_ATTEMPTS_AT_ONCE
    start = None if is_small else last_verified_head()
    return verify_audit(start=start, deadline=time.monotonic() + MAX_SECONDS)


def last_verified_head() -> ChainHead | None:
    """Return where the next check can continue, or None if it must check the whole log.

    It must after a check that found a problem, and if the log no longer contains its head.
    """
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
