"""The part of home about the last 24 hours: a bar for each hour, which leads to its attempts."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from django.urls import reverse

from verification.admin.attempts.chart import Chart, draw
from verification.attempts.counts import Bar, read_bars
from verification.attempts.filter import AttemptFilter
from verification.times import Span

HOURS = 24


def read_activity(now: datetime) -> Chart:
    """Return the chart of the hours until now. Tallies count by the hour of UTC."""
    last = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    starts = [last - timedelta(hours=ago) for ago in reversed(range(HOURS))]
    spans = [Span(start, start + timedelta(hours=1)) for start in starts]
    attempts = reverse("admin:verification_verificationattempt_changelist")
    return draw(read_bars(spans), lambda bar: attempts + query_of(bar))


def query_of(bar: Bar) -> str:
    """Return the query of the list of that hour's attempts, of all kinds but self-tests."""
    return AttemptFilter(Span(bar.start, bar.end), kind=None).query()
