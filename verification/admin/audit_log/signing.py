"""Signs off a period: records who reviewed it, its counts, and the head of the chain."""

from __future__ import annotations

import re
from datetime import date, timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from verification import change_log
from verification.admin.audit_log.due import read_review
from verification.admin.audit_log.integrity import alerts_of_lost_heads
from verification.admin.audit_log.review import count_facts, make_review
from verification.admin.audit_log.sign_offs import DOUBTS, overlapping
from verification.admin.base import may, require
from verification.audit_log.integrity import Check, check_within_budget, latest_check, record_check
from verification.auth.full_name import CHINESE, full_name_of
from verification.auth.site import public_host
from verification.change_log import Action, actor_of
from verification.models import ChangeEvent
from verification.times import PRESETS, Period, can_have_records, format_datetime, preset

#: Signing off repeats a check that is older than this.
MAX_CHECK_AGE = timedelta(hours=1)
#: A note has at least this many words. Chinese is written without spaces: two characters count
#: as a word.
MIN_WORDS = 3


def require_possible_day(day: date) -> None:
    if not can_have_records(day):
        raise ValidationError(_("The log cannot have records of that day."))


def require_words(note: str) -> None:
    others = CHINESE.sub(" ", note)
    words = len(CHINESE.findall(note)) / 2 + len(re.findall(r"\w+", others))
    if words < MIN_WORDS:
        raise ValidationError(
            _("Say in a few words what you reviewed, and what you concluded. It is printed.")
        )


def require_name(name: str) -> None:
    if sum(letter.isalpha() for letter in name) < 2:
        raise ValidationError(_("Enter your full name."))


class DayField(forms.DateField):
    widget = forms.DateInput({"type": "date"})
    default_validators = [require_possible_day]


class PeriodForm(forms.Form):
    first = DayField(label=gettext_lazy("From"))
    last = DayField(label=gettext_lazy("Through"))

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or {}
        first, last = cleaned.get("first"), cleaned.get("last")
        if first and last and first > last:
            self.add_error("last", _("The last day is before the first."))
        return cleaned

    @property
    def period(self) -> Period:
        return Period(self.cleaned_data["first"], self.cleaned_data["last"])


class SignOffForm(PeriodForm):
    note = forms.CharField(
        label=gettext_lazy("Note"),
        max_length=2_000,
        validators=[require_words],
        widget=forms.Textarea({"rows": 4}),
        help_text=gettext_lazy("What you reviewed, and what you concluded."),
    )
    full_name = forms.CharField(
        label=gettext_lazy("Your full name"),
        max_length=150,
        validators=[require_name],
        help_text=gettext_lazy(
            "No full name is stored for your user. The name you enter here is recorded and printed."
        ),
    )
    #: The names of the doubts that the user has read and ticked.
    confirm = forms.CharField(required=False)

    def __init__(self, name: str, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if name:
            del self.fields["full_name"]

    def confirms(self, doubts: list[str]) -> bool:
        return set(doubts) <= set(self.cleaned_data["confirm"].split())


def sign_off(site: admin.AdminSite, request: HttpRequest) -> HttpResponse:
    """Show a period with its counts; on POST, sign it off.

    If there are doubts, the user has to confirm them first.
    """
    require(request, "sign_off")
    name = full_name_of(request.user)
    if request.method == "POST":
        form = SignOffForm(name, request.POST)
        if form.is_valid():
            check = fresh_check(request, form.period)
            if event := record_confirmed(request, form, check):
                sentence = _("Signed off {period}.")
                messages.success(request, sentence.format(period=form.period))
                return redirect_to_sign_off(request, event)
            form.add_error("confirm", _("Read the warnings above, then tick this box to continue."))
        period = None if {"first", "last"} & form.errors.keys() else form.period
    else:
        period = chosen_period(request)
        form = SignOffForm(name, initial={"first": period.first, "last": period.last})
    return show(site, request, form, period)


def redirect_to_sign_off(request: HttpRequest, event: ChangeEvent) -> HttpResponse:
    """Redirect to the page of the sign-off, or to home if the user may not see the change log."""
    if may(request, "view_changeevent"):
        return redirect("admin:signed_off", event.pk)
    return redirect("admin:index")


@transaction.atomic
def record_confirmed(request: HttpRequest, form: SignOffForm, check: Check) -> ChangeEvent | None:
    """Write the sign-off, or return None if the user has to confirm doubts first.

    Sign-offs wait for each other, so that the second of two finds the first, and has a doubt.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(hashtext('sign-off'))")
    doubts = find_doubts(form.period, check)
    return record(request, form, check, doubts) if form.confirms(doubts) else None


def chosen_period(request: HttpRequest) -> Period:
    """Return the period of ?first=&last= or ?period=, or else the quarter that home names.

    If the last quarter is signed off, the page begins with it all the same: the next one is not
    over yet.
    """
    today = timezone.localdate()
    form = PeriodForm(request.GET)
    if "first" in request.GET and form.is_valid():
        return form.period
    name = request.GET.get("period", "")
    if name in PRESETS:
        return preset(name, today)
    review = read_review(today)
    return preset("last_quarter", today) if review.is_done else review.quarter


def fresh_check(request: HttpRequest, period: Period) -> Check:
    """Return the last check of the log, after a new one if that is incomplete or stale."""
    check = latest_check()
    if check is None or not check.is_whole or is_outdated(check, period):
        record_check(check_within_budget(), actor_of(request))
        check = latest_check()
    assert check  # it was just recorded
    return check


def is_outdated(check: Check, period: Period) -> bool:
    """Return whether the check is too old to sign off the period.

    A check from before the end of the period is stale at any age, because its head does not cover
    that end.
    """
    is_before_end = period.is_over and check.at < period.end
    return is_before_end or timezone.now() - check.at > MAX_CHECK_AGE


def find_doubts(period: Period | None, check: Check | None) -> list[str]:
    """Return the names of the DOUBTS about this period and check."""
    doubts = {
        "not_over": period is not None and not period.is_over,
        "signed_before": period is not None and bool(overlapping(period)),
        "broken": check is not None and not check.is_intact,
        "not_whole": check is not None and check.is_intact and not check.is_whole,
        "went_back": period is not None and bool(alerts_of_lost_heads(period.start)),
    }
    return [name for name, applies in doubts.items() if applies]


def record(request: HttpRequest, form: SignOffForm, check: Check, doubts: list[str]) -> ChangeEvent:
    """Write the sign-off with everything that its paper shows, so that it can never differ."""
    period = form.period
    return change_log.record(
        Action.SIGNED_OFF,
        actor_of(request),
        first=period.first.isoformat(),
        last=period.last.isoformat(),
        period=str(period),
        organisation=settings.ORGANISATION,
        host=public_host(),
        signer=full_name_of(request.user) or form.cleaned_data["full_name"],
        **count_facts(period),
        is_intact=check.is_intact,
        is_whole=check.is_whole,
        checked_at=check.at.isoformat(),
        checked_by=check.actor,
        head=check.head,
        note=form.cleaned_data["note"],
        doubts=doubts,
    )


def show(
    site: admin.AdminSite, request: HttpRequest, form: SignOffForm, period: Period | None
) -> HttpResponse:
    check = latest_check()
    doubts = find_doubts(period, check)
    facts = count_facts(period) if period else None
    context: dict[str, Any] = {
        **site.each_context(request),
        "title": _("Sign off a period"),
        "opts": ChangeEvent._meta,
        "form": form,
        "full_name": full_name_of(request.user),
        "period": period,
        "review": make_review(request, period, facts) if period and facts else None,
        "presets": PRESETS,
        "chosen": chosen_preset(period),
        "check": check,
        "checked_at": format_datetime(check.at) if check else None,
        "doubts": [DOUBTS[name] for name in doubts],
        "doubt_names": " ".join(doubts),
        "signed_before": overlapping(period) if period and "signed_before" in doubts else [],
    }
    return render(request, "admin/verification/audit/sign_off.html", context)


def chosen_preset(period: Period | None) -> str | None:
    today = timezone.localdate()
    return next((name for name in PRESETS if preset(name, today) == period), None)
