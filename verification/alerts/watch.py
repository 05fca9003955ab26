"""Runs a round of the watch: snapshot, conditions, stored alerts, messages."""

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
from verification.alerts.conditions import findings, is_about_log
from verification.alerts.delivery import deliver
from verification.alerts.lease import LEASE_LENGTH, acquire, lease
from verification.alerts.snapshot import DAY, Snapshot
from verification.alerts.state import apply_findings
from verification.audit_log.change_check import ChangeLogCheck
from verification.audit_log.head_check import ROLL_OUT, HeadCheck, check_head
from verification.audit_log.integrity import latest_check, record_check
from verification.audit_log.report import LogState
from verification.audit_log.verifier import KeptHead, verify_audit
from verification.change_log import Actor
from verification.db.watchdog import watchdog
from verification.models import Alert, ChainHead, WatchPosition

logger = logging.getLogger(__name__)
# Its lines are JSON, and LOG_LEVEL does not suppress them.
lines = logging.getLogger("verification.attempts")

ACTOR = Actor("watch")
#: Limits the check of the whole log, so that it leaves the database to the callbacks.
MAX_ATTEMPTS_PER_SECOND = 100_000


@dataclass
class Round:
    """The result of a round."""

    has_lease: bool = True  #: False if another watch holds the lease; then nothing was done
    has_log_problem: bool = False
    failed_channels: list[str] = field(default_factory=list)


class Watch:
    """Runs rounds. It continues from the position in the database, so it can stop at any time."""

    def __init__(self, channels: Sequence[Channel]) -> None:
        self.channels = channels
        self.holder = uuid.uuid4().hex
        # These are kept outside of the database, so that an older backup or a rewritten log shows:
        # the head of the last round, the one that was printed last or is given, and how far the
        # change log was followed.
        self.kept: KeptHead | None = None
        self.printed: KeptHead | None = None
        self.changes = ChangeLogCheck()
        #: When the whole log was checked, or this object was made.
        self.checked_at = time.monotonic()

    def run_round(self) -> Round:
        """Check the log, save new alerts and send them. Raises DatabaseError."""
        with translation.override(settings.ALERT_LANGUAGE), lease(self.holder) as position:
            if position is None:
                return Round(has_lease=False)
            head = self.check_log(position)
            with watchdog(LEASE_LENGTH.total_seconds()):
                has_log_problem = self.save_alerts(position, head)
                failed = deliver(self.channels, position)
        return Round(has_log_problem=has_log_problem, failed_channels=failed)

    def check_log(self, position: WatchPosition) -> HeadCheck:
        """Check the end of the log.

        The whole log is checked once a day, and when its end or the schema is worse than the last
        check found it.
        """
        if self.is_full_check_due():
            self.check_whole_log()
        with watchdog(LEASE_LENGTH.total_seconds()):
            kept = self.kept or KeptHead(position.last_seal_id, bytes(position.last_digest))
            head = check_head(kept, self.changes, self.printed)
        check = latest_check()
        known = check.state if check else LogState.INTACT
        was_in_between = known in {LogState.NEWER_RELEASE, LogState.MIGRATIONS_MISSING}
        is_upgraded = was_in_between and head.state is LogState.INTACT
        if is_upgraded or head.state.is_worse_than(known):
            self.check_whole_log()  # finds and records what is wrong now
        return head

    def is_full_check_due(self) -> bool:
        """Return whether the watch's own last check is a day old.

        A check from the admin may have continued an earlier one, so it does not count.
        """
        last = latest_check(ACTOR.name)
        is_old = last is None or timezone.now() - last.at >= DAY
        # The time in the database may be forged, so it cannot put off the check for longer.
        return is_old or time.monotonic() - self.checked_at >= DAY.total_seconds()

    def check_whole_log(self) -> None:
        """Verify the whole log under a longer lease, and record the result."""
        head = ChainHead.objects.first() or ChainHead()
        longest = LEASE_LENGTH + 3 * timedelta(
            seconds=head.last_attempt_id / MAX_ATTEMPTS_PER_SECOND
        )
        acquire(self.holder, longest)
        with watchdog(longest.total_seconds()):
            report = verify_audit(make_throttle(), roll_out=ROLL_OUT)
        record_check(report, ACTOR)
        self.checked_at = time.monotonic()
        acquire(self.holder, LEASE_LENGTH)
        result = f"problems: {len(report.problems)}" if report.problems else "it is intact"
        logger.info("Checked the whole log (attempts: %d), %s.", report.attempts, result)

    def save_alerts(self, position: WatchPosition, head: HeadCheck) -> bool:
        """Save new alerts together with the position, and return whether any is about the log."""
        snapshot = Snapshot(timezone.now(), position.began_at, position.last_attempt_id, head)
        found = list(findings(snapshot))
        with transaction.atomic():
            for alert in apply_findings(found, snapshot.now):
                self.queue_alert(alert)
            position.last_attempt_id = head.last_attempt_id
            position.last_seal_id, position.last_digest = head.kept
            position.save(update_fields=["last_attempt_id", "last_seal_id", "last_digest"])
        self.kept, self.printed = head.kept, None
        if head.cut_off:
            self.changes = ChangeLogCheck()  # to follow what is left of the change log
        return any(is_about_log(finding.key) for finding in found if not finding.is_over)

    def queue_alert(self, alert: Alert) -> None:
        """Mark the alert as waiting for every channel, and print it, even without a channel."""
        alert.waiting = [channel.name for channel in self.channels]
        alert.save()
        line = {"event": "alert", "key": alert.key, "title": alert.title, "text": alert.text}
        lines.info("%s", json.dumps(line, ensure_ascii=False))


def make_throttle() -> Callable[[int], None]:
    """Return a function to call with each number of attempts read: it sleeps to limit the rate."""
    started, read = time.monotonic(), 0

    def wait(count: int) -> None:
        nonlocal read
        read += count
        time.sleep(max(started + read / MAX_ATTEMPTS_PER_SECOND - time.monotonic(), 0))

    return wait
