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
from verification.diagnosis import Known, explain
from verification.models import VerificationAttempt
from verification.protocol.enums import Kind, Outcome
from verification.times import say_zone, to_the_second

TEMPLATE = "admin/verification/verificationattempt/change_list.html"


def attempt_list(site: admin.AdminSite, request: HttpRequest) -> HttpResponse:
    wanted, wrong = parse_filter(request.GET)
    if wrong:
        messages.warning(request, say_wrong(wrong))
        return redirect(request.path + wanted.query())
    page = find_page(wanted, parse_key(request, "before"), parse_key(request, "after"))
    context = {
        **site.each_context(request),
        "title": _("Verification attempts"),
        "opts": VerificationAttempt._meta,
        "wanted": wanted,
        "chosen": wanted.query(),
        "lacks_pushes": wanted.kind in {None, Kind.MESSAGE_PUSH} and not wanted.is_noise,
        "zone": say_zone(),
        **period_context(wanted),
        **page_context(wanted, page),
    }
    return render(request, TEMPLATE, context)


def say_wrong(wrong: list[str]) -> str:
    if wrong == [BACKWARDS]:
        return _("The last day is before the first.")
    sentence = _("Part of that address means nothing and was left out: %(parts)s.")
    return sentence % {"parts": ", ".join(wrong)}


def parse_key(request: HttpRequest, name: str) -> int | None:
    """The attempt that a page continues from; what is none begins anew."""
    text = request.GET.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def period_context(wanted: AttemptFilter) -> dict[str, Any]:
    counts = count_period(wanted.period)
    chart = draw(read_bars(wanted.period, wanted.account_number))
    return {
        "counts": counts,
        "period_name": choices.period_name(wanted),
        "periods": choices.period_choices(wanted),
        "filters": choices.filter_choices(wanted),
        "hidden": choices.hidden_choices(wanted, counts),
        "accounts": choices.account_rows(wanted, counts),
        "chart": chart,
        "chart_of": choices.chosen_account(wanted),
        "columns": [(it, choices.day_query(wanted, it.bar)) for it in chart.columns],
        "kept": {
            name: value
            for name, value in wanted.parameters().items()
            if name not in {"period", "first", "last", "q"}
        },
    }


def page_context(wanted: AttemptFilter, page: Page) -> dict[str, Any]:
    known = Known()
    return {
        "rows": [row_of(attempt, known) for attempt in page.attempts],
        "older": wanted.query(before=page.older) if page.older else "",
        "newer": wanted.query(after=page.newer) if page.newer else "",
    }


def row_of(attempt: VerificationAttempt, known: Known) -> dict[str, Any]:
    """Explained with what is read once for all of them."""
    explanation, is_accepted = explain(attempt, known), attempt.outcome == Outcome.ACCEPTED
    return {
        "attempt": attempt,
        "at": to_the_second(attempt.recorded_at),
        "is_accepted": is_accepted,
        "called": attempt.account.name if attempt.account else path_of(attempt),
        "what": explanation.in_short,
        "token": explanation.signed_with if is_accepted else None,
    }
