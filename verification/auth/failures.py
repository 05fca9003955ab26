"""Records failed sign-ins and wrong codes: the first of each minute one by one, then in a tally.

Anyone can fail to sign in as often as they like, and the change log cannot be pruned.
"""

from __future__ import annotations

import threading
from collections import Counter
from time import monotonic

from django.db import connection
from django.utils import timezone

from verification import change_log
from verification.change_log import Action, Actor
from verification.models import FailureTally
from verification.protocol.client_ip import source_of

#: Change events per minute for the failures of one source, and for those of all sources together.
MAX_EVENTS_PER_SOURCE = 10
MAX_EVENTS = 60
#: The source of failures that are beyond MAX_EVENTS, wherever they come from.
MANY = ""

ADD_FAILURE = f"""
INSERT INTO {FailureTally._meta.db_table} AS tally (hour, action, source, count)
VALUES (%s, %s, %s, 1) ON CONFLICT (hour, action, source)
DO UPDATE SET count = tally.count + 1"""


class FailureBudget:
    """Counts the change events of the current minute.

    Each process has its own budget. It only bounds how many events are written: tallies count the
    other failures.
    """

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.reset()

    def reset(self) -> None:
        self.minute = 0
        self.events = 0
        self.events_by_source: Counter[str] = Counter()

    def claim_event(self, source: str) -> bool:
        """Return whether a failure gets a change event, and consume one if it does."""
        with self.lock:
            self._reset_each_minute()
            if self.is_spent or self.events_by_source[source] >= MAX_EVENTS_PER_SOURCE:
                return False
            self.events += 1
            self.events_by_source[source] += 1
            return True

    @property
    def is_spent(self) -> bool:
        return self.events >= MAX_EVENTS

    def _reset_each_minute(self) -> None:
        minute = int(monotonic() // 60)
        if minute != self.minute:
            self.reset()
            self.minute = minute


#: The budget of this process.
failure_budget = FailureBudget()


def record_failure(action: Action, actor: Actor) -> None:
    """Record a failure as a change event, or add it to a tally if there were many."""
    source = source_of(actor.client_ip)
    if failure_budget.claim_event(source):
        change_log.record(action, actor)
    else:
        add_to_tally(action, MANY if failure_budget.is_spent else source)


def add_to_tally(action: Action, source: str) -> None:
    """Count a failure. The database adds, so that no worker loses the count of another."""
    hour = timezone.now().replace(minute=0, second=0, microsecond=0)
    adapted = connection.ops.adapt_datetimefield_value(hour)
    with connection.cursor() as cursor:
        cursor.execute(ADD_FAILURE, [adapted, action.value, source])
