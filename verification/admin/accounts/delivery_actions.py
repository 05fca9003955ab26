"""Retries and discards what the spool has for one account, from its card."""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from verification.accounts.deliveries import describe_retried, discard, retry
from verification.admin.accounts.pages import render_page
from verification.admin.base import redirect_to_account, require
from verification.change_log import actor_of
from verification.models import Delivery, OfficialAccount
from verification.relay.report import Backlog, read_backlog

#: What the page offers to discard, by its name in the form.
STATES = {"dead": [Delivery.State.DEAD], "all": [*Delivery.STORED]}


def retry_all(site: admin.AdminSite, request: HttpRequest, account_id: int) -> HttpResponse:
    """Let all messages of the account be tried now, dead letters as well."""
    require(request, "manage_delivery")
    account = get_object_or_404(OfficialAccount, pk=account_id)
    if request.method == "POST":
        count = retry(Delivery.objects.filter(account=account), actor_of(request))
        messages.success(request, describe_retried(count, [account_id], timezone.now()))
    return redirect_to_account(request, account_id)


def discard_some(site: admin.AdminSite, request: HttpRequest, account_id: int) -> HttpResponse:
    """Ask what to discard, then delete it."""
    require(request, "manage_delivery")
    account = get_object_or_404(OfficialAccount, pk=account_id)
    states = STATES.get(request.POST.get("what", ""))
    if request.method == "POST" and states:
        stored = Delivery.objects.filter(account=account, state__in=states)
        messages.success(request, describe_discarded(discard(stored, actor_of(request))))
        return redirect_to_account(request, account_id)
    context: dict[str, Any] = {
        "title": _("Discard messages of %(account)s") % {"account": account},
        "choices": choices_of(read_backlog(account_id)),
        "error": _("Choose what to discard.") if request.method == "POST" else "",
    }
    return render_page(request, site, "discard_deliveries.html", account, context)


def choices_of(backlog: Backlog) -> list[tuple[str, str]]:
    count = backlog.waiting + backlog.dead
    choices = []
    if backlog.dead:
        sentence = ngettext("{count} dead letter", "{count} dead letters", backlog.dead)
        choices.append(("dead", sentence.format(count=f"{backlog.dead:,}")))
    if backlog.waiting:
        sentence = ngettext(
            "{count} message: everything that the spool has for the account",
            "{count} messages: everything that the spool has for the account",
            count,
        )
        choices.append(("all", sentence.format(count=f"{count:,}")))
    return choices


def describe_discarded(count: int) -> str:
    if not count:
        return _("There is nothing to change.")
    sentence = ngettext("Discarded {count} message.", "Discarded {count} messages.", count)
    return sentence.format(count=f"{count:,}")
