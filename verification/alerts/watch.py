"""A round of the watch: snapshot, decide, note, tell."""

from __future__ import annotations

import json
import logging
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone, translation

from verification.alerts.channels import Channel
from verification.alerts.conditions import findings, is_of_the_log
from verification.alerts.delivery import deliver
from verification.alerts.lease import ROUND, acquire, lease
from verification.alerts.snapshot import DAY, Snapshot
from verification.alerts.state import apply_findings
from verification.audit_log.head_check import HeadCheck, check_head
from verification.audit_log.integrity import latest_check, record_check
from verification.audit_log.verifier import KeptHead, verify_audit
from verification.change_log import Action, Actor
from verification.db.watchdog import watchdog
from verification.models import Alert, ChainHead, ChangeEvent, WatchPosition

logger = logging.getLogger(__name__)
lines = logging.getLogger("verification.attempts")  # JSON already, whatever LOG_LEVEL says

ACTOR = Actor("watch")
#: Attempts a second, so that checking the whole log leaves the database to the callbacks.
PACE = 100_000


@dataclass
class Round:
    is_ours: bool = True  #: not somebody else's turn
    is_log_broken: bool = False
    failed: list[str] = field(default_factory=list)  #: names of channels


class Watch:
    """Goes on from the position in the database, so it may stop and start at any time."""

    def __init__(self, channels: Sequence[Channel]) -> None:
        self.channels = channels
        self.holder = uuid.uuid4().hex
        self.kept: KeptHead | None = None  # a witness that is not in the database

    def take_round(self) -> Round:
        """Raises DatabaseError."""
        with translation.override(settings.ALERT_LANGUAGE), lease(self.holder) as position:
            if position is None:
                return Round(is_ours=False)
            head = self.check_log(position)
            with watchdog(ROUND.total_seconds()):
                is_log_broken = self.look(position, head)
                failed = deliver(self.channels, position)
        return Round(is_log_broken=is_log_broken, failed=failed)

    def check_log(self, position: WatchPosition) -> HeadCheck:
        """All of it once a day, and when its end does not hold or its guards are gone."""
        if self.is_full_check_due():
            self.check_whole_log()
        with watchdog(ROUND.total_seconds()):
            head = check_head(
                self.kept or KeptHead(position.last_seal_id, bytes(position.last_digest))
            )
        check = latest_check()
        if not head.is_well and (check is None or check.is_intact):
            self.check_whole_log()  # which says what is broken, and keeps that on record
        return head

    def is_full_check_due(self) -> bool:
        """A page's check may have gone on from an earlier one: only our own count."""
        own = ChangeEvent.objects.filter(action=Action.LOG_CHECKED, actor=ACTOR.name).order_by(
            "-id"
        )
        last = own.values_list("recorded_at", flat=True).first()
        return last is None or timezone.now() - last >= DAY

    def check_whole_log(self) -> None:
        head = ChainHead.objects.first() or ChainHead()
        longest = ROUND + 3 * timedelta(seconds=head.last_attempt_id / PACE)
        acquire(self.holder, longest)
        with watchdog(longest.total_seconds()):
            report = verify_audit(keep_pace())
        record_check(report, ACTOR)
        acquire(self.holder, ROUND)
        found = f"{len(report.problems)} problems" if report.problems else "nothing wrong"
        logger.info("Checked the whole log, %d attempts: %s.", report.attempts, found)

    def look(self, position: WatchPosition, head: HeadCheck) -> bool:
        """Note what is new, with how far we looked; whether the log itself is in trouble."""
        snapshot = Snapshot(timezone.now(), position.began_at, position.last_attempt_id, head)
        found = list(findings(snapshot))
        with transaction.atomic():
            for alert in apply_findings(found, snapshot.now):
                self.hand_out(alert)
            position.last_attempt_id = head.last_attempt_id
            position.last_seal_id, position.last_digest = head.kept
            position.save(update_fields=["last_attempt_id", "last_seal_id", "last_digest"])
        self.kept = head.kept
        return any(is_of_the_log(it.key) for it in found if not it.is_over)

    def hand_out(self, alert: Alert) -> None:
        """To every channel, and to our own output, which has it even when there is none."""
        alert.waiting = [channel.name for channel in self.channels]
        alert.save()
        said = {"key": alert.key, "title": alert.title, "text": alert.text}
        lines.info("%s", json.dumps({"event": "alert", **said}, ensure_ascii=False))


def keep_pace() -> Callable[[int], None]:
    """Candidates with each number of attempts read, waits until it is time for more."""
    started, read = time.monotonic(), 0

    def wait(count: int) -> None:
        nonlocal read
        read += count
        time.sleep(max(started + read / PACE - time.monotonic(), 0))

    return wait
