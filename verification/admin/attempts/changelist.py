"""The list of attempts: a period in words and numbers, a chart, and the rows, by key."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from verification.admin.attempts import choices
from verification.admin.attempts.chart import draw
from verification.admin.attempts.presentation import path_of
from verification.attempts.counts import count_period, read_bars
from verification.attempts.filter import BACKWARDS, AttemptFilter, parse_filter
from verification.attempts.page import Page, find_page
from verification.diagnosis import StoredData, explain
from verification.models import VerificationAttempt
from verification.protocol.enums import Kind, Outcome
from verification.times import format_short_with_seconds, format_zone

TEMPLATE = "admin/verification/verificationattempt/change_list.html"


def attempt_list(site: admin.AdminSite, request: HttpRequest) -> HttpResponse:
    filters, wrong = parse_filter(request.GET)
    if wrong:
        messages.warning(request, format_unknown_parameters(wrong))
        return redirect(request.path + filters.query())
    page = find_page(filters, parse_key(request, "before"), parse_key(request, "after"))
    context = {
        **site.each_context(request),
        "title": _("Verification attempts"),
        "opts": VerificationAttempt._meta,
        "filters": filters,
        "chosen": filters.query(),
        "lacks_pushes": filters.kind in {None, Kind.MESSAGE_PUSH} and not filters.is_noise,
        "zone": format_zone(),
        **period_context(filters),
        **page_context(filters, page),
    }
    return render(request, TEMPLATE, context)


def format_unknown_parameters(wrong: list[str]) -> str:
    if wrong == [BACKWARDS]:
        return _("The last day is before the first.")
    sentence = _("Part of that address means nothing and was left out: %(parts)s.")
    return sentence % {"parts": ", ".join(wrong)}


def parse_key(request: HttpRequest, name: str) -> int | None:
    """The attempt that a page continues from; what is none begins anew."""
    text = request.GET.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def period_context(filters: AttemptFilter) -> dict[str, Any]:
    counts = count_period(filters.period)
    chart = draw(read_bars(filters.period, filters.account_number))
    return {
        "counts": counts,
        "period_name": choices.period_name(filters),
        "periods": choices.period_choices(filters),
        "filter_choices": choices.filter_choices(filters),
        "hidden": choices.hidden_choices(filters, counts),
        "accounts": choices.account_rows(filters, counts),
        "chart": chart,
        "chart_of": choices.chosen_account(filters),
        "columns": [(it, choices.day_query(filters, it.bar)) for it in chart.columns],
        "kept": {
            name: value
            for name, value in filters.parameters().items()
            if name not in {"period", "first", "last", "q"}
        },
    }


def page_context(filters: AttemptFilter, page: Page) -> dict[str, Any]:
    stored = StoredData()
    return {
        "rows": [row_of(attempt, stored) for attempt in page.attempts],
        "older": filters.query(before=page.older) if page.older else "",
        "newer": filters.query(after=page.newer) if page.newer else "",
    }


def row_of(attempt: VerificationAttempt, stored: StoredData) -> dict[str, Any]:
    """Explained with what is read once for all of them."""
    explanation, is_accepted = explain(attempt, stored), attempt.outcome == Outcome.ACCEPTED
    return {
        "attempt": attempt,
        "at": format_short_with_seconds(attempt.recorded_at),
        "is_accepted": is_accepted,
        "called": attempt.account.name if attempt.account else path_of(attempt),
        "what": explanation.summary,
        "token": explanation.signed_with if is_accepted else None,
    }
