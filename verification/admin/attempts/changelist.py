"""The list of attempts: the counts of a period, a chart, and rows that are paged by key."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from verification.admin.attempts import choices
from verification.admin.attempts.chart import draw
from verification.admin.attempts.presentation import path_of
from verification.attempts.counts import Counted, count_period, read_bars
from verification.attempts.filter import LAST_BEFORE_FIRST, AttemptFilter, parse_filter
from verification.attempts.page import find_page
from verification.attempts.spans import spans_of
from verification.diagnosis import StoredData, explain
from verification.models import VerificationAttempt
from verification.protocol.enums import Kind, Outcome
from verification.times import format_short_with_seconds, format_zone

TEMPLATE = "admin/verification/verificationattempt/change_list.html"


def attempt_list(site: admin.AdminSite, request: HttpRequest) -> HttpResponse:
    """Show the list that the query describes; redirect to the next best one if it is invalid."""
    filters, invalid = parse_filter(request.GET)
    if invalid:
        messages.warning(request, describe_invalid(invalid))
        return redirect(request.path + filters.query())
    page = find_page(filters, parse_key(request, "before"), parse_key(request, "after"))
    stored = StoredData()
    context = {
        **site.each_context(request),
        "title": _("Verification attempts"),
        "opts": VerificationAttempt._meta,
        "filters": filters,
        "chosen": filters.query(),
        "lacks_pushes": filters.kind in {None, Kind.MESSAGE_PUSH} and not filters.is_noise,
        "zone": format_zone(),
        **period_context(filters),
        "rows": [row_of(attempt, stored) for attempt in page.attempts],
        "older": filters.query(before=page.older) if page.older else "",
        "newer": filters.query(after=page.newer) if page.newer else "",
    }
    return render(request, TEMPLATE, context)


def describe_invalid(parameters: list[str]) -> str:
    if parameters == [LAST_BEFORE_FIRST]:
        return _("The last day is before the first.")
    sentence = _("Some parameters of that address are invalid and were ignored: %(parameters)s.")
    return sentence % {"parameters": ", ".join(parameters)}


def parse_key(request: HttpRequest, name: str) -> int | None:
    """Return the id of the attempt that the page continues from, or None for the first page."""
    text = request.GET.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def period_context(filters: AttemptFilter) -> dict[str, Any]:
    """Return everything above the rows: the counts, the chart, and the links to other lists."""
    counts = count_period(filters.period)
    counted = Counted(filters.account_number, kinds=(Kind.URL_VERIFICATION,))
    bars = read_bars(spans_of(filters.period), counted)
    return {
        "counts": counts,
        "period_name": choices.period_name(filters),
        "periods": choices.period_choices(filters),
        "filter_choices": choices.filter_choices(filters),
        "hidden": choices.hidden_choices(filters, counts),
        "accounts": choices.account_rows(filters, counts),
        "chart": draw(bars, partial(choices.bar_query, filters)),
        "chart_name": choices.chosen_account(filters),
        "kept": {
            name: value
            for name, value in filters.parameters().items()
            if name not in {"period", "first", "last", "q"}
        },
    }


def row_of(attempt: VerificationAttempt, stored: StoredData) -> dict[str, Any]:
    """Return a row of the list; `stored` is read once for all rows."""
    explanation, is_accepted = explain(attempt, stored), attempt.outcome == Outcome.ACCEPTED
    return {
        "attempt": attempt,
        "at": format_short_with_seconds(attempt.recorded_at),
        "is_accepted": is_accepted,
        "called": attempt.account.name if attempt.account else path_of(attempt),
        "what": explanation.summary,
        "token": explanation.signed_with if is_accepted else None,
    }
