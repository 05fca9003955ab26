"""The card that connects an account: the server configuration and the live line below it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from verification.accounts.backends import mask_url
from verification.accounts.refusals import Refusal, count_refused
from verification.accounts.status import AccountStatus, read_statuses
from verification.admin.accounts import console_advice
from verification.admin.accounts.pages import server_url
from verification.admin.base import MINUTE
from verification.diagnosis.token_causes import put_key_back
from verification.models import Backend, OfficialAccount, Token
from verification.protocol import console
from verification.self_test.checks import is_local
from verification.times import format_datetime, format_zone


@dataclass(frozen=True)
class Progress:
    """Says how far the connection has come, for the live line."""

    state: str  #: waiting, refused, verified or paused
    text: str
    advice: str = ""
    why: str = ""  #: the address of the attempt that was refused

    @property
    def is_verified(self) -> bool:
        return self.state == "verified"


def read_progress(account: OfficialAccount, current: Token | None) -> Progress:
    """Return the progress of the account, whose current token is `current`."""
    status = read_statuses([account])[account.pk]
    if account.is_paused:
        return Progress("paused", status.text)
    if status.is_key_missing:
        return Progress("refused", status.text, put_key_back())
    if current is None:
        return Progress("waiting", _("No token yet: rotate the token to give it one."))
    if current.first_used_at:
        return _verified(account, current, status)
    if status.refusal:
        text = _("Waiting for WeChat… Last attempt refused at {time}: {cause}").format(
            time=format_datetime(status.refusal.attempt.recorded_at, "%H:%M:%S"),
            cause=status.refusal.explanation.summary,
        )
        return _with_refusal("refused", text, status.refusal)
    if status.last_accepted and status.last_accepted > current.created_at:
        text = _("WeChat called on {time}, still with the previous token").format(
            time=format_datetime(status.last_accepted, MINUTE)
        )
        advice = _("Paste the current token into the console and press Submit (提交).")
        return Progress("waiting", text, advice)
    return Progress("waiting", _("Waiting for WeChat…"))


def _verified(account: OfficialAccount, current: Token, status: AccountStatus) -> Progress:
    assert current.first_used_at is not None
    text = _("Verified on {time} with the token {fingerprint}").format(
        time=format_datetime(current.first_used_at, MINUTE), fingerprint=current.fingerprint
    )
    if status.refusal is None:
        return Progress("verified", text)
    count = count_refused(account, after=status.last_accepted or current.first_used_at)
    text = ngettext(
        "{text} · since the last call that passed, {count} was refused: {cause}",
        "{text} · since the last call that passed, {count} were refused: {cause}",
        count,
    ).format(text=text, count=count, cause=status.refusal.explanation.summary)
    return _with_refusal("verified", text, status.refusal)


def _with_refusal(state: str, text: str, refusal: Refusal) -> Progress:
    why = reverse("admin:verification_verificationattempt_change", args=[refusal.attempt.pk])
    return Progress(state, text, refusal.explanation.full_text, why)


def card_context(
    request: HttpRequest, account: OfficialAccount, backend: Backend | None
) -> dict[str, Any]:
    """Return what connect.html shows."""
    current = account.current_token
    progress = read_progress(account, current)
    answer = request.GET.get("console", "")
    return {
        "progress": progress,
        "backend_url": backend and mask_url(backend.url),
        "is_open": not progress.is_verified or answer in console.ANSWERS,
        "current": current,
        "server_url": server_url(request, account),
        "address_problem": find_address_problem(settings.PUBLIC_URL),
        "menu_path": console.MENU_PATH,
        "other_menu_paths": console.OTHER_MENU_PATHS,
        "tester_url": console.TESTER_URL,
        "answers": console.ANSWERS,
        "answer": answer,
        "zone": format_zone(),
        "advice": console_advice.advise(answer, account),
    }


def find_address_problem(public_url: str) -> str:
    """Return why WeChat may not reach the server URL that the card shows, or an empty text."""
    if not public_url:
        return _(
            "PUBLIC_URL is not set, so the server URL below begins as the address of this page "
            "does. Set it to your own domain, such as https://wx.example.cn; WeChat only calls "
            "ports 80 and 443."
        )
    parts = urlsplit(public_url)
    host = parts.hostname or ""
    if is_local(host):
        return _(
            "PUBLIC_URL is a local address, which WeChat cannot reach. Set it to your own domain, "
            "such as https://wx.example.cn."
        )
    if parts.port not in {None, 80, 443}:
        return _("WeChat only calls ports 80 and 443, but PUBLIC_URL names port {port}.").format(
            port=parts.port
        )
    if host.endswith(".herokuapp.com"):
        return _(
            "herokuapp.com is reported to be blocked inside WeChat. Use your own domain, and "
            "set PUBLIC_URL to it; Heroku has no region in mainland China."
        )
    return ""


# --- The live line


def live(site: admin.AdminSite, request: HttpRequest, account_id: int) -> HttpResponse:
    """Answer a poll of the live line with the progress as JSON."""
    if not site.get_model_admin(OfficialAccount).has_view_permission(request):
        raise PermissionDenied
    account = get_object_or_404(OfficialAccount, pk=account_id)
    progress = read_progress(account, account.current_token)
    may_see_attempts = request.user.has_perm("verification.view_verificationattempt")
    return JsonResponse(
        {
            "state": progress.state,
            "text": progress.text,
            "advice": progress.advice,
            "why": progress.why if may_see_attempts else "",
        }
    )
