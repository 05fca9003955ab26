"""Reads the metrics of /metrics from the database, so that they are true for all processes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import product

from django.db.models import Max, Sum
from django.utils import timezone
from prometheus_client.core import (
    CollectorRegistry,
    CounterMetricFamily,
    GaugeMetricFamily,
    InfoMetricFamily,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from verification import __version__
from verification.accounts.levels import Level
from verification.accounts.status import read_statuses
from verification.attempts.totals import read_totals
from verification.audit_log.integrity import latest_check
from verification.audit_log.positions import first_id_since
from verification.callbacks.readiness import find_problem
from verification.db.snapshot import read_snapshot
from verification.db.watchdog import watchdog
from verification.models import (
    Alert,
    Backend,
    ChainHead,
    OfficialAccount,
    Token,
    VerificationAttempt,
    WatchPosition,
)
from verification.models.alert import GOOD_NEWS, REMINDER
from verification.models.noise import NOISE
from verification.protocol.enums import DeliveryResult, Kind, Outcome, Reason
from verification.relay.report import HOUR, Backlog, read_backlogs, read_periods

#: Seconds after which the connection is cut off. Prometheus gives up after 10.
MAX_SECONDS = 8
#: Tallies have no reasons, so reasons are counted from the attempts of this time.
RECENT = timedelta(hours=1)


def render_metrics(accept: str) -> tuple[bytes, str]:
    """Return the metrics and their content type, in a format that `accept` names.

    Raises DatabaseError or InterfaceError.
    """
    try:
        encode, content_type = choose_encoder(accept)
    except (TypeError, ValueError):  # a malformed version, which the library does not expect
        encode, content_type = choose_encoder("")
    registry = CollectorRegistry()
    registry.register(DatabaseCollector())
    with watchdog(MAX_SECONDS):
        return encode(registry), content_type


class DatabaseCollector(Collector):
    """Collects all metrics from one snapshot of the database."""

    def collect(self) -> Iterator[Metric]:
        yield InfoMetricFamily(
            "wechat_gateway_build", "The version of the gateway.", {"version": __version__}
        )
        # Outside of the snapshot, in which every database is read-only.
        is_ready = find_problem() is None
        yield gauge("ready", "Whether attempts can be recorded, as /readyz says.", is_ready)
        with read_snapshot():
            now = timezone.now()
            accounts = list(OfficialAccount.objects.all())
            slugs: dict[int | None, str] = {account.pk: account.slug for account in accounts}
            slugs[None] = ""
            yield from _count_attempts(slugs)
            yield _count_recent_refusals(slugs, now)
            yield _count_accounts(accounts)
            yield _read_token_ends(slugs, now)
            yield from _read_chain_head()
            yield from _read_last_check()
            yield from _read_deliveries(slugs, now)
            yield from _read_watch(now)


def gauge(name: str, text: str, value: float | None = None, labels: str = "") -> GaugeMetricFamily:
    """Return a gauge with this value, or one to add labelled values to."""
    return GaugeMetricFamily(
        f"wechat_gateway_{name}", text, value=value, labels=labels.split() if labels else None
    )


def _count_attempts(slugs: dict[int | None, str]) -> Iterator[Metric]:
    totals = read_totals()
    attempts = CounterMetricFamily(
        "wechat_gateway_attempts",
        "Callbacks that were answered, without internet noise. The account is empty if the path "
        "belongs to no account.",
        labels=["account", "kind", "outcome"],
    )
    # All series exist from the start: Prometheus does not see the increase of one that is new.
    for pk, kind, outcome in product(slugs, Kind, Outcome):
        labels = [slugs[pk], kind.label, outcome.label]
        attempts.add_metric(labels, totals[pk, kind, outcome, False])
    yield attempts
    noise = sum(count for (*_key, is_noise), count in totals.items() if is_noise)
    yield CounterMetricFamily(
        "wechat_gateway_noise", "Refused callbacks of browsers, monitors and bots.", value=noise
    )


def _count_recent_refusals(slugs: dict[int | None, str], now: datetime) -> Metric:
    refusals = gauge(
        "recent_refusals",
        "Refused callbacks of the last hour by reason, without internet noise.",
        labels="account kind reason",
    )
    since = now - RECENT
    rows = VerificationAttempt.objects.filter(
        id__gte=first_id_since(since), recorded_at__gte=since, outcome=Outcome.REFUSED
    ).exclude(NOISE)
    by_reason = rows.order_by().values_list("account_id", "kind", "reason")
    for pk, kind, reason, count in by_reason.annotate(number=Sum("occurrences")):
        refusals.add_metric([slugs[pk], Kind(kind).label, Reason(reason).label], int(count))
    return refusals


def _count_accounts(accounts: list[OfficialAccount]) -> Metric:
    levels = Counter(status.level for status in read_statuses(accounts).values())
    states = gauge(
        "accounts",
        "Accounts by state, as the list of accounts shows: failing and warning need attention.",
        labels="state",
    )
    for level in Level:
        states.add_metric([level.key], levels[level])
    return states


def _read_token_ends(slugs: dict[int | None, str], now: datetime) -> Metric:
    ends = gauge(
        "token_end_timestamp_seconds",
        "When the last of an account's previous tokens ends.",
        labels="account",
    )
    ending = Token.objects.filter(secret__isnull=False, expires_at__gt=now).order_by()
    for pk, end in ending.values_list("account_id").annotate(Max("expires_at")):
        ends.add_metric([slugs[pk]], end.timestamp())
    return ends


def _read_deliveries(slugs: dict[int | None, str], now: datetime) -> Iterator[Metric]:
    deliveries = gauge(
        "recent_deliveries",
        "Message pushes of the last hour that were forwarded, by how that ended.",
        labels="account result",
    )
    seconds = gauge(
        "recent_backend_seconds",
        "The time in which the backend took this share of the messages of the last hour.",
        labels="account quantile",
    )
    ids = [pk for pk in slugs if pk is not None]
    for pk, period in read_periods(ids, now, HOUR).items():
        counts = Counter({DeliveryResult.DELIVERED: period.delivered})
        for failure in period.failures:
            counts[failure.result] += failure.count
        for result, count in counts.items():
            deliveries.add_metric([slugs[pk], result.label], count)
        for quantile in (0.5, 0.95):
            milliseconds = period.percentile(quantile)
            if milliseconds is not None:
                seconds.add_metric([slugs[pk], str(quantile)], milliseconds / 1000)
    yield from (deliveries, seconds)
    yield from _read_backends(slugs, ids)


def _read_backends(slugs: dict[int | None, str], ids: list[int]) -> Iterator[Metric]:
    failing = gauge("backend_failing", "Whether the backend fails now.", labels="account")
    waiting = gauge("waiting_messages", "Messages that wait for the backend.", labels="account")
    dead = gauge("dead_letters", "Messages that the backend does not accept.", labels="account")
    oldest = gauge(
        "oldest_waiting_timestamp_seconds",
        "When the oldest message that waits was received.",
        labels="account",
    )
    backlogs = read_backlogs(ids)
    backends = dict(Backend.objects.values_list("pk", "failing_since"))
    for pk, failing_since in backends.items():
        failing.add_metric([slugs[pk]], failing_since is not None)
    for pk in sorted({*backends, *backlogs}):
        backlog = backlogs.get(pk, Backlog())
        waiting.add_metric([slugs[pk]], backlog.waiting)
        dead.add_metric([slugs[pk]], backlog.dead)
        if backlog.oldest_waiting:
            oldest.add_metric([slugs[pk]], backlog.oldest_waiting.timestamp())
    yield from (failing, waiting, dead, oldest)


def _read_chain_head() -> Iterator[Metric]:
    head = ChainHead.objects.first() or ChainHead()
    yield gauge("chain_head_seal", "The number of the last seal.", head.last_seal_id)
    if head.last_recorded_at:
        yield gauge(
            "chain_head_timestamp_seconds",
            "When the last sealed attempt was recorded.",
            head.last_recorded_at.timestamp(),
        )


def _read_last_check() -> Iterator[Metric]:
    if check := latest_check():
        yield gauge("log_intact", "Whether the last check found the log intact.", check.is_intact)
        yield gauge(
            "log_last_check_timestamp_seconds",
            "When the log was last checked.",
            check.at.timestamp(),
        )


def _read_watch(now: datetime) -> Iterator[Metric]:
    seen = WatchPosition.objects.values_list("held_until", flat=True).first()
    if seen:
        yield gauge(
            "watch_last_seen_timestamp_seconds",
            "When manage.py watch last ended a round, or now during a round.",
            min(seen, now).timestamp(),
        )
    # A problem that has no end, such as a log that was cut off, counts for as long as a reminder.
    alerts = Alert.objects.filter(is_over=False, seen_at__gt=now - REMINDER)
    conditions = Counter(alert.condition for alert in alerts)
    open_alerts = gauge("open_alerts", "Open alerts by condition.", labels="condition")
    for condition, count in conditions.items():
        if condition not in GOOD_NEWS:
            open_alerts.add_metric([condition], count)
    yield open_alerts
