"""Reads what home shows of the last 24 hours: a bar for each hour, which leads to its attempts."""

from __future__ import annotations

from django.urls import reverse

from verification.admin.attempts.chart import Chart, draw
from verification.attempts.bars import Bar, latest_hours, read_bars
from verification.attempts.filter import AttemptFilter
from verification.times import Span

HOURS = 24


def read_activity() -> Chart:
    """Return the chart of the last HOURS."""
    attempts = reverse("admin:verification_verificationattempt_changelist")
    return draw(read_bars(latest_hours(HOURS)), lambda bar: attempts + query_of(bar))


def query_of(bar: Bar) -> str:
    """Return the query of the list of that hour's attempts, of all kinds but self-tests."""
    return AttemptFilter(Span(bar.start, bar.end), kind=None).query()
