"""Reads how deliveries go: what waits, what failed and why, and how fast backends answer."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from django.db.models import Count, Max, Min, Sum
from django.utils.translation import gettext as _

from verification.models import Delivery, DeliveryTally, WatchPosition
from verification.models.choices import DELIVERY_RESULT_CHOICES
from verification.protocol.enums import DeliveryResult
from verification.relay.results import TAKEN

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
#: A worker that has not been seen for this long does not run.
WORKER_TIMEOUT = timedelta(minutes=5)
#: The results after which a follower got no reply, although the backend may work: it is too slow,
#: answers what cannot be passed on, or never got the message.
WITHOUT_REPLY = [
    DeliveryResult.TIMEOUT,
    DeliveryResult.UNUSABLE_REPLY,
    DeliveryResult.REPLY_TOO_LARGE,
    DeliveryResult.BUSY,
    DeliveryResult.NOT_DECRYPTED,
]
#: Fewer lost replies, or a smaller share of an hour's deliveries, are a hiccup.
MIN_LOST_REPLIES, MIN_LOST_SHARE = 3, 0.05
#: A reason that has not occurred for this long, while another one has, has probably been mended.
ENDED_AFTER = timedelta(minutes=10)


def name_failure(result: int, status: int | None) -> str:
    """Return the failure in a few words, such as "connection refused", to end a sentence."""
    name = str(dict(DELIVERY_RESULT_CHOICES).get(result, _("Reason of a newer release")))
    name = name[0].lower() + name[1:]
    return f"{name} ({status})" if status else name


# --- What waits


@dataclass(frozen=True)
class Backlog:
    """Holds how many messages of an account are stored, and since when."""

    waiting: int = 0
    dead: int = 0
    oldest_waiting: datetime | None = None
    oldest_dead: datetime | None = None

    @property
    def oldest(self) -> datetime | None:
        return min(filter(None, [self.oldest_waiting, self.oldest_dead]), default=None)


def read_backlog(account_id: int) -> Backlog:
    """Return the account's backlog."""
    return read_backlogs([account_id]).get(account_id, Backlog())


def read_backlogs(account_ids: Iterable[int]) -> dict[int, Backlog]:
    """Return the backlog of each of these accounts that has stored messages."""
    stored = Delivery.objects.filter(account__in=[*account_ids], state__in=Delivery.STORED)
    by_state = stored.order_by().values_list("account_id", "state")
    backlogs: defaultdict[int, Backlog] = defaultdict(Backlog)
    for account_id, state, count, oldest in by_state.annotate(Count("id"), Min("received_at")):
        backlog = backlogs[account_id]
        if state == Delivery.State.WAITING:
            backlogs[account_id] = replace(backlog, waiting=count, oldest_waiting=oldest)
        else:
            backlogs[account_id] = replace(backlog, dead=count, oldest_dead=oldest)
    return dict(backlogs)


def worker_last_seen() -> datetime | None:
    """Return until when a worker or a watch holds the lease, or held it; None if none ever ran.

    `manage.py worker` runs the watch as well.
    """
    return WatchPosition.objects.values_list("held_until", flat=True).first()


def is_worker_missing(now: datetime) -> bool:
    """Return whether no worker, and no watch either, has run lately."""
    seen = worker_last_seen()
    return seen is None or now - seen >= WORKER_TIMEOUT


# --- What was delivered


@dataclass(frozen=True)
class Failure:
    """Counts the deliveries that failed for one reason."""

    result: DeliveryResult
    status: int | None
    count: int
    last_at: datetime


@dataclass(frozen=True)
class LostReplies:
    """Counts the deliveries that brought no reply, and holds the reason to mend first."""

    count: int
    main: Failure  #: with its own count and time, whatever the status was


@dataclass
class Period:
    """Counts the deliveries of the last hour or day."""

    delivered: int = 0
    #: The reason that failed last comes first.
    failures: list[Failure] = field(default_factory=list)
    buckets: Counter[int] = field(default_factory=Counter)

    @property
    def failed(self) -> int:
        return sum(failure.count for failure in self.failures)

    @property
    def lost_replies(self) -> LostReplies | None:
        """Return how many deliveries brought no reply, and the main reason; None if few.

        That is the most frequent reason of those that have not ended.
        """
        lost = [failure for failure in self.failures if failure.result in WITHOUT_REPLY]
        counts: Counter[DeliveryResult] = Counter()
        for failure in lost:
            counts[failure.result] += failure.count
        count = counts.total()
        if count < max(MIN_LOST_REPLIES, MIN_LOST_SHARE * (self.delivered + self.failed)):
            return None
        since = lost[0].last_at - ENDED_AFTER
        recent = [failure for failure in lost if failure.last_at >= since]
        main = max(recent, key=lambda failure: counts[failure.result])
        return LostReplies(count, replace(main, count=counts[main.result]))

    def percentile(self, share: float) -> float | None:
        """Return the milliseconds in which the backend took this share of its messages, or None.

        The result is at most a quarter too high.
        """
        rank = share * self.buckets.total()
        for bucket in sorted(self.buckets):
            rank -= self.buckets[bucket]
            if rank <= 0:
                return float(1.25**bucket)
        return None


def read_period(account_id: int, now: datetime, length: timedelta) -> Period:
    """Return what became of the account's deliveries in this time before `now`."""
    return read_periods([account_id], now, length).get(account_id, Period())


def read_periods(account_ids: Iterable[int], now: datetime, length: timedelta) -> dict[int, Period]:
    """Return what became of the deliveries of each account that had any.

    Tallies count ten minutes each, so the period may be up to ten minutes longer.
    """
    since = now - length - timedelta(minutes=10)
    tallies = DeliveryTally.objects.filter(account__in=[*account_ids], period__gt=since)
    rows = tallies.order_by().values_list("account_id", "result", "status", "bucket")
    failures: defaultdict[int, dict[tuple[int, int], Failure]] = defaultdict(dict)
    periods: defaultdict[int, Period] = defaultdict(Period)
    for pk, result, status, bucket, count, last_at in rows.annotate(Sum("count"), Max("last_at")):
        period = periods[pk]
        if result in TAKEN:  # Of the others, the duration does not say how fast the backend is.
            period.buckets[bucket] += count
        if result == DeliveryResult.DELIVERED:
            period.delivered += count
            continue
        known = failures[pk].get((result, status))
        failures[pk][result, status] = Failure(
            DeliveryResult(result),
            status or None,
            count + (known.count if known else 0),
            max(last_at, known.last_at) if known else last_at,
        )
    for pk, by_reason in failures.items():
        periods[pk].failures = sorted(
            by_reason.values(), key=lambda failure: failure.last_at, reverse=True
        )
    return dict(periods)
