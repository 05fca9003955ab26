"""Lists the sign-offs, and shows one, which is printed and signed by hand."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, NamedTuple

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from verification.admin.audit_log.review import make_review
from verification.admin.base import require
from verification.audit_log.change_check import describe_doubt
from verification.change_log import Action
from verification.models import ChangeEvent
from verification.models.change_event import name_actor
from verification.times import Period, format_datetime, format_zone

PAGE_SIZE = 40
#: Characters of a note in the list.
MAX_NOTE_LENGTH = 120
#: Reasons not to sign off: the name that is recorded, and the text.
DOUBTS = {
    "not_over": gettext_lazy("This period is not over yet, so more attempts may follow."),
    "signed_before": gettext_lazy("This period, or a part of it, was signed off before."),
    "broken": gettext_lazy(
        "The last check of the log found a problem. Open the Integrity page before you sign."
    ),
    "not_whole": gettext_lazy(
        "The log was not checked to its end. Check it again on the Integrity page, or run "
        "manage.py verify_audit."
    ),
    "went_back": gettext_lazy(
        "Since the period began, an older copy of the log took the place of a newer one, so "
        "attempts may be missing. docs/RUNBOOK.md says more, under “Log went back”."
    ),
}

#: What is shown in place of facts that somebody removed in the database.
NOT_RECORDED = {"period": "–", "is_intact": False, "is_whole": False, "note": ""}


class SignOff(NamedTuple):
    """Holds a sign-off as it was recorded, for pages."""

    event: ChangeEvent
    number: int
    period: str
    signer: str  #: the full name; empty if a release before this one did not record it
    at: str
    is_intact: bool
    is_whole: bool
    note: str
    doubt: str  #: why it proves nothing, or an empty text

    @property
    def signed_by(self) -> str:
        """Return the full name with the user name, or the user name alone."""
        name = self.event.actor_name
        return f"{self.signer} ({name})" if self.signer else name


def all_sign_offs() -> QuerySet[ChangeEvent]:
    return ChangeEvent.objects.filter(action=Action.SIGNED_OFF).order_by("-id")


def read(event: ChangeEvent, number: int) -> SignOff:
    facts = NOT_RECORDED | event.facts
    return SignOff(
        event=event,
        number=number,
        period=facts["period"],
        signer=facts.get("signer", ""),
        at=format_datetime(event.recorded_at),
        is_intact=facts["is_intact"],
        is_whole=facts["is_whole"],
        note=facts["note"],
        doubt=describe_doubt(event),
    )


def number_of(event: ChangeEvent) -> int:
    """Return the number of a sign-off: they are counted from 1, and none is ever deleted."""
    return all_sign_offs().filter(id__lte=event.pk).count()


def overlapping(period: Period) -> list[SignOff]:
    """Return the latest sign-offs of a period that shares a day with this one."""
    events = all_sign_offs().filter(
        facts__first__lte=str(period.last), facts__last__gte=str(period.first)
    )
    return [read(event, number_of(event)) for event in events[:5]]


def list_sign_offs(site: admin.AdminSite, request: HttpRequest) -> HttpResponse:
    """List the sign-offs, the newest first."""
    require(request, "view_changeevent")
    page = Paginator(all_sign_offs(), PAGE_SIZE).get_page(request.GET.get("p"))
    newest = page.paginator.count - page.start_index() + 1
    rows = [read(event, newest - position) for position, event in enumerate(page.object_list)]
    context: dict[str, Any] = {
        **site.each_context(request),
        "title": _("Sign-offs"),
        "opts": ChangeEvent._meta,
        "page": page,
        "rows": [(row, Truncator(row.note).chars(MAX_NOTE_LENGTH)) for row in rows],
        "zone": format_zone(),
    }
    return render(request, "admin/verification/audit/sign_offs.html", context)


def doubts_of(event: ChangeEvent) -> list[str]:
    facts = event.facts
    return list(
        facts["doubts"] if "doubts" in facts else facts["in_spite_of"]
    )  # of a former release


def signed_off(site: admin.AdminSite, request: HttpRequest, event_id: int) -> HttpResponse:
    """Show one sign-off as it was recorded, for the screen and for paper."""
    require(request, "view_changeevent")
    event = get_object_or_404(ChangeEvent, pk=event_id, action=Action.SIGNED_OFF)
    try:
        context = {**site.each_context(request), **describe(request, event)}
    except (KeyError, TypeError, ValueError, AttributeError):
        # record() did not write these facts. That page says so.
        return redirect("admin:verification_changeevent_change", event.pk)
    return render(request, "admin/verification/audit/signed_off.html", context)


def describe(request: HttpRequest, event: ChangeEvent) -> dict[str, Any]:
    """Return what the page of a sign-off shows."""
    facts, signed = event.facts, read(event, number_of(event))
    days = Period(date.fromisoformat(facts["first"]), date.fromisoformat(facts["last"]))
    return {
        "title": _("Sign-off %(number)d: %(period)s")
        % {"number": signed.number, "period": signed.period},
        "opts": ChangeEvent._meta,
        "signed": signed,
        "facts": facts,
        "doubts": [DOUBTS[name] for name in doubts_of(event)],
        "checked": format_datetime(datetime.fromisoformat(facts["checked_at"])),
        "checked_by": name_actor(facts.get("checked_by", "")),
        "review": make_review(request, days, facts),
    }
