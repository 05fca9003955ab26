"""Signs off a period: records who reviewed it, its counts, and the head of the chain."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date, datetime, timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from verification import change_log
from verification.attempts.counts import count_period
from verification.audit_log.integrity import Check, check_within_budget, latest_check, record_check
from verification.change_log import Action, actor_of
from verification.models import ChangeEvent
from verification.times import PRESETS, Period, can_have_records, format_datetime, preset

#: Signing off repeats a check that is older than this.
MAX_CHECK_AGE = timedelta(hours=1)
#: Earlier sign-offs that the page lists.
MAX_LISTED = 40
#: Reasons not to sign off: the name that is recorded, and the text.
DOUBTS = {
    "not_over": gettext_lazy("This period is not over yet, so more attempts may follow."),
    "broken": gettext_lazy("The chain is broken. Open the Integrity page before you sign."),
    "not_whole": gettext_lazy(
        "The log was not checked to its end. Check it again on the Integrity page, or run "
        "manage.py verify_audit."
    ),
}


def require_possible_day(day: date) -> None:
    if not can_have_records(day):
        raise ValidationError(_("The log cannot have records of that day."))


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
        required=False,
        max_length=2_000,
        widget=forms.Textarea({"rows": 4}),
        help_text=gettext_lazy("What you reviewed, and what you concluded."),
    )
    confirm = forms.BooleanField(
        label=gettext_lazy("I understand, and sign off anyway"), required=False
    )


def sign_off(site: admin.AdminSite, request: HttpRequest) -> HttpResponse:
    """Show a period with its counts; on POST, sign it off.

    If there are doubts, the user has to confirm them first.
    """
    if not request.user.has_perm("verification.sign_off"):
        raise PermissionDenied
    if request.method == "POST":
        form = SignOffForm(request.POST)
        if form.is_valid():
            check = fresh_check(request, form.period)
            doubts = find_doubts(form.period, check)
            if not doubts or form.cleaned_data["confirm"]:
                return redirect("admin:signed_off", record(request, form, check, doubts).pk)
            form.add_error("confirm", _("Read the warnings above, then tick this box to continue."))
        period = None if {"first", "last"} & form.errors.keys() else form.period
    else:
        period = chosen_period(request)
        form = SignOffForm(initial={"first": period.first, "last": period.last})
    return show(site, request, form, period)


def chosen_period(request: HttpRequest) -> Period:
    """Return the period of ?first=&last= or ?period=, or else the last quarter.

    The last quarter is what a review is usually about.
    """
    today = timezone.localdate()
    form = PeriodForm(request.GET)
    if "first" in request.GET and form.is_valid():
        return form.period
    name = request.GET.get("period", "")
    return preset(name if name in PRESETS else "last_quarter", today)


def fresh_check(request: HttpRequest, period: Period) -> Check:
    """Return the last check of the log, after a new one if that is incomplete or stale."""
    check = latest_check()
    if check is None or not check.is_whole or is_stale(check, period):
        record_check(check_within_budget(), actor_of(request))
        check = latest_check()
    assert check  # it was just recorded
    return check


def is_stale(check: Check, period: Period) -> bool:
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
        "broken": check is not None and not check.is_intact,
        "not_whole": check is not None and check.is_intact and not check.is_whole,
    }
    return [name for name, applies in doubts.items() if applies]


def record(request: HttpRequest, form: SignOffForm, check: Check, doubts: list[str]) -> ChangeEvent:
    counts = count_period(form.period)
    return change_log.record(
        Action.SIGNED_OFF,
        actor_of(request),
        first=form.period.first.isoformat(),
        last=form.period.last.isoformat(),
        period=str(form.period),
        accounts=[asdict(count) for count in counts.by_account()],
        noise=counts.noise,
        pushes=counts.pushes,
        self_tests=counts.self_tests,
        is_intact=check.is_intact,
        is_whole=check.is_whole,
        checked_at=check.at.isoformat(),
        head=check.head,
        note=form.cleaned_data["note"],
        doubts=doubts,
    )


def show(
    site: admin.AdminSite, request: HttpRequest, form: SignOffForm, period: Period | None
) -> HttpResponse:
    check = latest_check()
    doubts = find_doubts(period, check)
    if not doubts and not form.errors.get("confirm"):
        del form.fields["confirm"]
    context: dict[str, Any] = {
        **site.each_context(request),
        "title": _("Sign off a period"),
        "opts": ChangeEvent._meta,
        "form": form,
        "period": period,
        "counts": count_period(period) if period else None,
        "presets": PRESETS,
        "chosen": chosen_preset(period),
        "check": check,
        "checked_at": format_datetime(check.at) if check else None,
        "doubts": [DOUBTS[name] for name in doubts],
        "sign_offs": read_sign_offs(),
    }
    return render(request, "admin/verification/audit/sign_off.html", context)


def chosen_preset(period: Period | None) -> str | None:
    today = timezone.localdate()
    return next((name for name in PRESETS if preset(name, today) == period), None)


def read_sign_offs() -> list[dict[str, Any]]:
    """Return the latest sign-offs, each with the facts that were recorded."""
    events = ChangeEvent.objects.filter(action=Action.SIGNED_OFF).order_by("-id")[:MAX_LISTED]
    return [
        {"event": event, "at": format_datetime(event.recorded_at), **event.facts}
        for event in events
    ]


def doubts_of(event: ChangeEvent) -> list[str]:
    facts = event.facts
    return list(
        facts["doubts"] if "doubts" in facts else facts["in_spite_of"]
    )  # of a former release


def signed_off(site: admin.AdminSite, request: HttpRequest, event_id: int) -> HttpResponse:
    """Show one sign-off as it was recorded, for the screen and for paper."""
    if not request.user.has_perm("verification.view_changeevent"):
        raise PermissionDenied
    event = get_object_or_404(ChangeEvent, pk=event_id, action=Action.SIGNED_OFF)
    accounts = event.facts["accounts"]
    context: dict[str, Any] = {
        **site.each_context(request),
        **event.facts,
        "title": _("Signed off: %(period)s") % {"period": event.facts["period"]},
        "opts": ChangeEvent._meta,
        "event": event,
        "doubts": [DOUBTS[name] for name in doubts_of(event)],
        "at": format_datetime(event.recorded_at),
        "checked": format_datetime(datetime.fromisoformat(event.facts["checked_at"])),
        "counts": {
            **event.facts,
            "by_account": accounts,
            "accepted": sum(account["accepted"] for account in accounts),
            "refused": sum(account["refused"] for account in accounts),
        },
    }
    return render(request, "admin/verification/audit/signed_off.html", context)
