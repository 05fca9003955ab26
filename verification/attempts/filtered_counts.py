"""Counts what a filter selects: from the tallies where they know, otherwise from the rows."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from verification.attempts.bars import Bar, Selection, bar_field, days_in, read_bars, spans_of
from verification.attempts.filter import AttemptFilter, Noise
from verification.attempts.page import index_of, search
from verification.models import VerificationAttempt
from verification.times import Period, Span

#: Rows that are counted at most. Reading more would take longer than the rest of the page.
MAX_ROWS = 10_000
#: The chart of a shorter span shows its whole day, which is the way to other hours.
SHORT = timedelta(hours=2)


@dataclass(frozen=True)
class Sums:
    """Adds up what the filter selects in its period."""

    accepted: int
    refused: int
    pushes: int
    is_complete: bool = True  #: otherwise the numbers are the least that there is

    @property
    def total(self) -> int:
        return self.accepted + self.refused


@dataclass(frozen=True)
class FilteredCounts:
    sums: Sums
    bars: list[Bar]  #: of the days of a short span; empty if there are too many rows to count


def count_filtered(filters: AttemptFilter) -> FilteredCounts:
    """Return the sums of the filter's period, and the bars of its chart."""
    charted = period_of_chart(filters.period)
    bars, are_bars_complete = count_bars(filters, spans_of(charted))
    own, is_complete = bars, are_bars_complete
    if charted != filters.period:
        own, is_complete = count_bars(filters, [Span(filters.period.start, filters.period.end)])
    sums = Sums(
        sum(bar.accepted for bar in own),
        sum(bar.refused for bar in own),
        sum(bar.pushes for bar in own),
        is_complete,
    )
    return FilteredCounts(sums, bars if are_bars_complete else [])


def period_of_chart(period: Period | Span) -> Period | Span:
    """Return the period, or the days of which it is a short part."""
    is_short = period.end - period.start < SHORT
    return Period(*days_in(period)) if is_short else period


def count_bars(filters: AttemptFilter, spans: Sequence[Span]) -> tuple[list[Bar], bool]:
    """Return the bars of the spans, and whether they count everything."""
    if filters.is_countable and all(span.has_whole_hours for span in spans):
        return read_bars(spans, selection_of(filters)), True
    return count_rows(filters, spans)


def selection_of(filters: AttemptFilter) -> Selection:
    return Selection(
        filters.account_number,
        filters.kinds,
        filters.outcome,
        has_noise=filters.noise is not Noise.HIDDEN,
        has_others=filters.noise is not Noise.ONLY,
    )


def count_rows(filters: AttemptFilter, spans: Sequence[Span]) -> tuple[list[Bar], bool]:
    """Return the bars of the rows, at most MAX_ROWS of them, and whether these are all."""
    whole = Span(spans[0].start, spans[-1].end)
    is_period = whole == (filters.period.start, filters.period.end)
    ids = (filters if is_period else filters.replace(period=whole)).ids()
    found = find_any(filters, ids)
    rows = VerificationAttempt.objects.filter(id__in=found[:MAX_ROWS]).order_by()
    starts, numbers = [span.start for span in spans], Counter[tuple[int, str]]()
    for recorded_at, kind, outcome, occurrences in rows.values_list(
        "recorded_at", "kind", "outcome", "occurrences"
    ):
        number = max(bisect_right(starts, recorded_at) - 1, 0)
        numbers[number, bar_field(kind, outcome)] += occurrences
    bars = [
        Bar(*span, *(numbers[number, name] for name in Bar._fields[2:]))
        for number, span in enumerate(spans)
    ]
    return bars, len(found) <= MAX_ROWS


def find_any(filters: AttemptFilter, ids: range) -> list[int]:
    """Return the ids of the attempts that the filter selects, at most MAX_ROWS + 1."""
    if not ids or not filters.is_search_understood:
        return []
    if filters.search or filters.is_everything:
        return search(filters, ids, "DESC", MAX_ROWS + 1)
    return index_of(filters).at_most(MAX_ROWS + 1, ids)
