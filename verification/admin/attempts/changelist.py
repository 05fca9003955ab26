"""Shows the list of attempts: filters, sums, the chart of a period, and pages of rows."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _

from verification.admin.attempts import choices
from verification.admin.attempts.around import count_pushes, look_around
from verification.admin.attempts.chart import draw
from verification.admin.attempts.presentation import name_called, state_of
from verification.attempts.bars import Bar
from verification.attempts.counts import PeriodCounts, count_period
from verification.attempts.filter import AttemptFilter, Noise, around, everything, latest_days
from verification.attempts.filter_url import LAST_BEFORE_FIRST, TYPED, parse_filter
from verification.attempts.filtered_counts import MAX_ROWS, FilteredCounts, count_filtered
from verification.attempts.page import find_page
from verification.attempts.typed_times import ImpossibleTimeError, parse
from verification.audit_log.checkpoint import start_of_log
from verification.diagnosis import StoredData, explain
from verification.models import Checkpoint, VerificationAttempt
from verification.protocol.enums import Kind, Outcome
from verification.times import Period, Span, format_short_with_seconds, format_zone

TEMPLATE = "admin/verification/verificationattempt/change_list.html"


def attempt_list(site: admin.AdminSite, request: HttpRequest) -> HttpResponse:
    """Show the list that the query describes.

    A time in the search box leads to the list of that time. Where times were typed that make no
    period, the page says so beside them, and lists nothing. If another parameter is invalid,
    redirect to the list without it.
    """
    filters, invalid = parse_filter(request.GET)
    if invalid and not TYPED.issuperset(invalid):
        messages.warning(request, describe_invalid(invalid))
        return redirect(request.path + filters.query())
    asked = None if filters.is_search_understood else list_of_time(filters.search)
    if asked:
        return redirect(request.path + asked.query())
    context = {
        **site.each_context(request),
        "title": _("Verification attempts"),
        "opts": VerificationAttempt._meta,
        "filters": filters,
        "zone": format_zone(),
        "sign_off_query": sign_off_query(request, filters),
        "periods": choices.period_choices(filters),
        "selects": choices.selects_of(filters),
        "chips": list(choices.chips_of(filters)),
        "unfiltered": choices.unfiltered(filters).query(),
        # What the search box keeps. A time that is typed there keeps nothing.
        "kept": {} if filters.at else filters.replace(search="").parameters(),
        **typed_period(request, filters, invalid),
    }
    if not invalid and filters.is_search_understood:
        context |= list_context(request, filters)
    return render(request, TEMPLATE, context)


def describe_invalid(parameters: list[str]) -> str:
    sentence = _("Some parameters of that address are invalid and were ignored: %(parameters)s.")
    return sentence % {"parameters": ", ".join(parameters)}


def list_of_time(text: str) -> AttemptFilter | None:
    """Return the list that the time, range or day in the search box asks for."""
    try:
        meant = parse(text)
    except ImpossibleTimeError:
        return None
    if isinstance(meant, datetime):
        return around(meant)
    if isinstance(meant, Span):
        return everything(meant)
    return AttemptFilter(meant) if meant else None


def typed_period(
    request: HttpRequest, filters: AttemptFilter, invalid: list[str]
) -> dict[str, Any]:
    """Return the values of the fields of the period, and what is wrong with what was typed."""
    typed = {name: request.GET.get(name, "") for name in ("first", "last")}
    if not invalid:
        ends = filters.ends()
        return {"first": as_typed(ends["first"]), "last": as_typed(ends["last"])}
    if LAST_BEFORE_FIRST in invalid:
        sentence = _("“Through” is before “From”, so the list is empty.")
        swapped = {**request.GET.dict(), "first": typed["last"], "last": typed["first"]}
        return {**typed, "problem": sentence, "swap": f"?{urlencode(swapped)}"}
    wrong = ", ".join(f"“{request.GET.get(name, '')[:40]}”" for name in invalid)
    sentence = _("{text} is not a day or time. Type it as 2026-09-29 or 2026-09-29 10:42.")
    return {**typed, "problem": sentence.format(text=wrong), "wrong": invalid}


def as_typed(text: str) -> str:
    return text.replace("T", " ")


def sign_off_query(request: HttpRequest, filters: AttemptFilter) -> str:
    """Return the query of the page that signs off the days of the list; empty without any."""
    is_allowed = request.user.has_perm("verification.sign_off")
    is_days = isinstance(filters.period, Period)
    return f"?{urlencode(filters.ends())}" if is_allowed and is_days else ""


def parse_key(request: HttpRequest, name: str) -> int | None:
    """Return the id of the attempt that the page continues from, or None for the first page."""
    text = request.GET.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None


def list_context(request: HttpRequest, filters: AttemptFilter) -> dict[str, Any]:
    """Return the rows, and the sums and the chart above them."""
    page = find_page(filters, parse_key(request, "before"), parse_key(request, "after"))
    matches, stored = count_filtered(filters), StoredData()
    counts = count_period(filters.period, filters.account_number)
    asked = look_around(filters, page.attempts)
    hidden = [] if filters.noise is Noise.SHOWN else choices.hidden_choices(filters, counts)
    return {
        "is_listed": True,
        "rows": [
            {**row_of(attempt, stored), "is_asked": bool(asked and asked.holds(attempt))}
            for attempt in page.attempts
        ],
        "older": filters.query(before=page.older) if page.older else "",
        "newer": filters.query(after=page.newer) if page.newer else "",
        "around": asked,
        "pushes_of_hours": count_pushes(filters),
        "lacks_pushes": Kind.MESSAGE_PUSH in filters.kinds and filters.noise is not Noise.ONLY,
        # Counted for the whole period, so beside a narrower filter they would mislead.
        "hidden": [] if filters.outcome or not filters.is_countable else hidden,
        "ways_on": [] if page.attempts else ways_on(filters, hidden),
        **counts_context(filters, counts, matches),
    }


def counts_context(
    filters: AttemptFilter, counts: PeriodCounts, matches: FilteredCounts
) -> dict[str, Any]:
    """Return what stands above the rows: the sums, the chart, and the table by account."""
    is_of_verifications = filters.kind is Kind.URL_VERIFICATION and filters.noise is Noise.HIDDEN
    is_plain = filters == AttemptFilter(filters.period, filters.preset)

    def is_current(bar: Bar) -> bool:
        return filters.at is not None and bar.start <= filters.at < bar.end

    return {
        "sums": matches.sums,
        "is_of_verifications": is_of_verifications,
        "max_rows": MAX_ROWS,
        "period_name": choices.period_name(filters),
        "chart": draw(matches.bars, partial(choices.bar_query, filters), is_current),
        "chart_name": choices.name_of(filters),
        # The table counts URL verifications of all accounts in whole hours.
        "accounts": choices.account_rows(filters, counts)
        if is_plain and (isinstance(filters.period, Period) or filters.period.has_whole_hours)
        else [],
    }


def ways_on(
    filters: AttemptFilter, hidden: list[tuple[int, choices.Choice]]
) -> list[choices.Choice]:
    """Return where an empty list leads: to more of the log, or to other attempts of the period."""
    links = []
    if not filters.at and filters.period != latest_days():
        days = filters.replace(period=latest_days(), preset="")
        links.append(choices.Choice(choices.LATEST, days.query(), False))
    whole = whole_log()
    if whole and not filters.at and filters.period.start > whole.start:
        query = filters.replace(period=whole, preset="").query()
        links.append(choices.Choice(_("The whole log"), query, False))
    if (plain := choices.unfiltered(filters)) != filters:
        links.append(choices.Choice(_("Without filters"), plain.query(), False))
    links += [
        choices.Choice(f"{count:,} {choice.label}", choice.query, False)
        for count, choice in hidden
        if count and not choice.is_chosen
    ]
    return links


def whole_log() -> Period | None:
    """Return the days from the oldest attempt through today, None if there is none."""
    start = start_of_log(Checkpoint.objects.first())
    oldest = VerificationAttempt.objects.filter(id__gt=start.last_attempt_id).order_by("id").first()
    if oldest is None:
        return None
    return Period(timezone.localdate(oldest.recorded_at), latest_days().last)


def row_of(attempt: VerificationAttempt, stored: StoredData) -> dict[str, Any]:
    """Return a row of the list; `stored` is read once for all rows."""
    explanation, is_accepted = explain(attempt, stored), attempt.outcome == Outcome.ACCEPTED
    return {
        "attempt": attempt,
        "at": format_short_with_seconds(attempt.recorded_at),
        "is_accepted": is_accepted,
        "state": state_of(attempt, explanation),
        "called": name_called(attempt),
        "what": explanation.summary,
        "in_full": explanation.full_text,
        "token": explanation.signed_with if is_accepted else None,
    }
