"""Shows the card of an account's backend, sets and removes it, and reveals its secret.

A user who may see the webhook secret asks for it with a POST. The account page then shows it once:
see pending_reveals.
"""

from __future__ import annotations

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils import timezone
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from verification.accounts.backends import (
    ChangedMeanwhile,
    mask_url,
    previous_secret_ends,
    remove_backend,
    reveal_webhook_secret,
    rotate_webhook_secret,
    secret_version,
    set_backend,
)
from verification.accounts.problems import relay
from verification.accounts.problems.relay import describe_lost_replies, describe_waiting
from verification.accounts.status import AccountStatus
from verification.admin.accounts.backend_forms import BackendForm, explain_choice
from verification.admin.accounts.pages import render_page
from verification.admin.accounts.pending_reveals import redirect_to_secret
from verification.admin.base import MINUTE, lay_out, may, redirect_to_account, require
from verification.change_log import actor_of
from verification.fields import UndecryptableSecret
from verification.keys import MISSING_KEY_ADVICE
from verification.models import Backend, OfficialAccount, PendingReveal
from verification.protocol.enums import DeliveryResult
from verification.relay.failures import advise, describe
from verification.relay.report import HOUR, Period, read_backlog, read_period
from verification.times import format_datetime, format_short

#: The name of the secret in a PendingReveal.
REVEAL_NAME = "webhook_secret"
LOST_KEY = format_lazy(
    gettext_lazy("The webhook secret cannot be decrypted. {advice}"), advice=MISSING_KEY_ADVICE
)


def find_backend(account: OfficialAccount) -> Backend | None:
    return Backend.objects.filter(account=account).first()


def card_context(
    request: HttpRequest, status: AccountStatus, pending: PendingReveal | None
) -> dict[str, Any]:
    """Return what backend.html shows. `pending` says which secret this answer shows."""
    backend = status.facts.backend
    context: dict[str, Any] = {
        "backend": backend,
        "secret": read_shown(backend, pending),
        "may_set": may(request, "set_backend"),
        "may_reveal": may(request, "reveal_webhook_secret"),
    }
    if backend is None:
        return context
    now = timezone.now()
    ends, hour = previous_secret_ends(backend, now), read_period(backend.pk, now, HOUR)
    return {
        **context,
        "url": mask_url(backend.url),
        "since": format_datetime(backend.created_at, MINUTE),
        "choice": backend.get_on_failure_display(),
        "meaning": explain_choice(backend.on_failure, backend.account, backend.retention_days),
        "state": describe_state(backend, hour),
        "tone": tone_of(backend, status),
        "advice": describe_advice(backend, hour),
        "previous_secret_ends": ends and format_datetime(ends, MINUTE),
    }


def tone_of(backend: Backend, status: AccountStatus) -> str:
    """Return the tone of the state, as a badge has it: that of the account, if it fails."""
    problem = status.problem(relay.backend_failing) or status.problem(relay.replies_lost)
    if problem:
        return problem.level.badge
    return "good" if backend.last_success_at and not backend.is_failing else "idle"


def describe_state(backend: Backend, hour: Period) -> str:
    if backend.failing_since is not None:
        time = format_short(backend.failing_since)
        if backend.last_failure is None:
            return _("Fails since {time}").format(time=time)
        failure = DeliveryResult(backend.last_failure)
        reason = describe(failure, backend.last_failure_status)
        return _("Fails since {time}: {reason}").format(time=time, reason=reason)
    if lost := describe_lost_replies(hour):
        return lost
    if backend.last_success_at is not None:
        return _("Works: took the last message at {time}").format(
            time=format_short(backend.last_success_at)
        )
    return _("No message has been forwarded to it yet")


def describe_advice(backend: Backend, hour: Period) -> str:
    if backend.failing_since is None or backend.last_failure is None:
        lost = hour.lost_replies
        return advise(lost.main.result) if lost else ""
    failure = DeliveryResult(backend.last_failure)
    return advise(failure, backend.last_failure_status, backend)


# --- Setting and removing


def set_(site: admin.AdminSite, request: HttpRequest, account_id: int) -> HttpResponse:
    """Show the form; on a valid POST, set or change the backend."""
    require(request, "set_backend")
    account = get_object_or_404(OfficialAccount, pk=account_id)
    backend = find_backend(account)
    names = ["url", "on_failure", "retention_days", "forwards_decrypted"]
    initial = {name: getattr(backend, name) for name in names} if backend else None
    data = request.POST if request.method == "POST" else None
    form = BackendForm(account, data, initial=initial)
    if form.is_valid() and try_to_set(request, account, form):
        return redirect_to_account(request, account_id)
    title = (
        _("Change the backend of %(account)s") if backend else _("Set a backend for %(account)s")
    )
    context = {
        "title": title % {"account": account},
        "form": form,
        "fieldsets": lay_out(form, names),
        "backend": backend,
        "waiting": describe_waiting(read_backlog(account.pk)),
    }
    return render_page(request, site, "set_backend.html", account, context)


def try_to_set(request: HttpRequest, account: OfficialAccount, form: BackendForm) -> bool:
    """Set the backend; on failure, add the errors to the form and return False."""
    try:
        changed = set_backend(account, actor=actor_of(request), **form.cleaned_data)
    except ValidationError as error:
        form.add_error(None, error)
        return False
    if changed:
        messages.success(request, _("The backend is set. Messages are forwarded from now on."))
    else:
        messages.info(request, _("There is nothing to change."))
    return True


def remove(site: admin.AdminSite, request: HttpRequest, account_id: int) -> HttpResponse:
    """Ask for confirmation, then forward no more messages."""
    require(request, "set_backend")
    account = get_object_or_404(OfficialAccount, pk=account_id)
    backend = find_backend(account)
    if request.method == "POST" or backend is None:
        if request.method == "POST" and remove_backend(account, actor_of(request)):
            messages.success(request, _("The backend is removed."))
        return redirect_to_account(request, account_id)
    context = {
        "title": _("Remove the backend of %(account)s?") % {"account": account},
        "url": mask_url(backend.url),
        "waiting": describe_waiting(read_backlog(account.pk)),
    }
    return render_page(request, site, "remove_backend.html", account, context)


# --- The webhook secret


def reveal(site: admin.AdminSite, request: HttpRequest, account_id: int) -> HttpResponse:
    """Show the webhook secret, and record that in the change log. Only a POST reveals it."""
    require(request, "reveal_webhook_secret")
    require(request, "view_officialaccount", "change_officialaccount")
    if request.method != "POST":
        return redirect_to_account(request, account_id)
    backend = get_object_or_404(Backend.objects.select_related("account"), pk=account_id)
    try:
        reveal_webhook_secret(backend, actor_of(request))
    except UndecryptableSecret:
        messages.error(request, LOST_KEY)
        return redirect_to_account(request, account_id)
    messages.info(request, _("The change log records that you have seen the secret."))
    return redirect_to_secret(request, account_id, REVEAL_NAME, secret_version(backend))


def rotate(site: admin.AdminSite, request: HttpRequest, account_id: int) -> HttpResponse:
    """Ask for confirmation, then give the backend a new webhook secret."""
    require(request, "set_backend")
    backend = get_object_or_404(Backend.objects.select_related("account"), pk=account_id)
    if request.method != "POST":
        context = {
            "title": _("Rotate the webhook secret of %(account)s?") % {"account": backend.account},
            "version": secret_version(backend),
        }
        return render_page(request, site, "rotate_webhook_secret.html", backend.account, context)
    try:
        seen = request.POST.get("replaces", "")
        rotate_webhook_secret(backend, actor_of(request), replaces=seen)
    except ChangedMeanwhile as error:
        messages.error(request, error.messages[0])
        return redirect_to_account(request, account_id)
    messages.success(request, _("The webhook secret is rotated."))
    if not may(request, "reveal_webhook_secret"):
        return redirect_to_account(request, account_id)
    backend.refresh_from_db()
    return redirect_to_secret(request, account_id, REVEAL_NAME, secret_version(backend))


def read_shown(backend: Backend | None, pending: PendingReveal | None) -> str:
    """Return the webhook secret if `pending` is about it, or an empty text."""
    if backend is None or pending is None:
        return ""
    if not pending.is_of(REVEAL_NAME, secret_version(backend)):
        return ""
    secret = backend.secret
    return secret.reveal() if secret is not None and secret.is_decryptable else ""
