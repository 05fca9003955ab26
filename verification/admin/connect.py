"""The card that leads from a new account to one that WeChat has verified."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _

from verification import console
from verification.account_status import AccountStatus, read_statuses
from verification.admin import console_answers
from verification.admin.account_pages import require, server_url
from verification.models import OfficialAccount, Token
from verification.moments import say_zone, zoned


@dataclass(frozen=True)
class Progress:
    """How far the connection has come, as the live line says it."""

    state: str  #: waiting, refused, verified or paused
    text: str
    advice: str = ""
    why: str = ""  #: the address of the attempt

    @property
    def is_verified(self) -> bool:
        return self.state == "verified"


def read_progress(account: OfficialAccount, current: Token | None) -> Progress:
    status = read_statuses([account])[account.pk]
    if account.is_paused:
        return Progress("paused", status.text)
    if current is None:
        return Progress("waiting", _("No token yet: rotate the token to give it one."))
    if status.refusal:
        return _refused(status)
    if current.first_used_at is None:
        return Progress("waiting", _("Waiting for WeChat…"))
    text = _("Verified on {time} with the token {fingerprint}")
    first_used = zoned(current.first_used_at, "%Y-%m-%d %H:%M")
    return Progress("verified", text.format(time=first_used, fingerprint=current.fingerprint))


def _refused(status: AccountStatus) -> Progress:
    assert status.refusal is not None
    assert status.refused_at is not None
    text = _("Waiting for WeChat… Last attempt refused at {time}: {cause}").format(
        time=zoned(status.refused_at, "%H:%M:%S"), cause=status.refusal.in_short
    )
    why = reverse("admin:verification_verificationattempt_change", args=[status.refusal_id])
    return Progress("refused", text, status.refusal.in_full, why)


def card(request: HttpRequest, account: OfficialAccount) -> dict[str, Any]:
    """What connect.html shows."""
    current = account.current_token
    progress = read_progress(account, current)
    said = request.GET.get("console", "")
    return {
        "progress": progress,
        "is_open": not progress.is_verified or said in console_answers.ANSWERS,
        "current": current,
        "server_url": server_url(request, account),
        "address_problem": find_address_problem(settings.PUBLIC_URL),
        "menu_path": console.MENU_PATH,
        "other_menu_paths": console.OTHER_MENU_PATHS,
        "tester_url": console.TESTER_URL,
        "answers": console_answers.ANSWERS,
        "said": said,
        "zone": say_zone(),
        "advice": console_answers.advise(said, account),
    }


def find_address_problem(public_url: str) -> str:
    """Why WeChat may not reach the server URL that the card shows."""
    if not public_url:
        return _(
            "PUBLIC_URL is not set, so the server URL below begins as the address of this page "
            "does. Set it to your own domain, such as https://wx.example.cn; WeChat only calls "
            "ports 80 and 443."
        )
    if (urlsplit(public_url).hostname or "").endswith(".herokuapp.com"):
        return _(
            "herokuapp.com is reported to be blocked inside WeChat. Use your own domain, and "
            "set PUBLIC_URL to it; Heroku has no region in mainland China."
        )
    return ""


# --- The live line


def live(site: admin.AdminSite, request: HttpRequest, account_id: int) -> HttpResponse:
    require(request, "view_officialaccount")
    account = get_object_or_404(OfficialAccount, pk=account_id)
    progress = read_progress(account, account.current_token)
    words = {"state": progress.state, "text": progress.text, "advice": progress.advice}
    may_see_why = request.user.has_perm("verification.view_verificationattempt")
    return JsonResponse({**words, "why": progress.why if may_see_why else ""})
