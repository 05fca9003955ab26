"""Shows the state of an account, the card that connects it, and the live line."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _

from verification.accounts.backends import mask_url
from verification.accounts.levels import Level
from verification.accounts.problems import calls, stored_secrets
from verification.accounts.rotation import current_secret
from verification.accounts.status import AccountStatus, read_statuses
from verification.admin.accounts import console_advice
from verification.admin.accounts.pages import server_url
from verification.admin.base import MINUTE, attempt_url, may
from verification.models import AESKey, OfficialAccount, Token
from verification.protocol.console import console_of
from verification.protocol.enums import Platform
from verification.self_test.checks import is_local
from verification.times import format_datetime, format_zone

#: Problems that are mended in the steps of the card, and seen in the next call.
PROBLEMS_OF_CALLS = [
    stored_secrets.key_missing,
    stored_secrets.rotation_unfinished,
    calls.refused,
    calls.stray,
    calls.queries_lost,
]


def status_context(
    request: HttpRequest, account: OfficialAccount, status: AccountStatus
) -> dict[str, Any]:
    """Return what status.html shows."""
    return {
        "level": status.level,
        "text": status.text,
        "advice": status.advice,
        "url": attempt_url(status.attempt) if may(request, "view_verificationattempt") else "",
        "shown": digest_of(status),
        "is_paused": account.is_paused,
        "is_connected": status.facts.last_accepted is not None,
        "server_url": server_url(request, account),
        "last_message": format_time(status.facts.last_push),
        "last_verification": format_time(status.facts.last_verified),
        "also": [problem for problem in status.problems if problem.text not in status.text],
    }


def format_time(time: datetime | None) -> str:
    return format_datetime(time, MINUTE) if time else "–"


def card_context(
    request: HttpRequest,
    account: OfficialAccount,
    status: AccountStatus,
    *,
    token: str = "",
    aes_key: str = "",
) -> dict[str, Any]:
    """Return what connect.html shows.

    `token` and `aes_key` are the texts of the current secrets, if they are shown. Only the console
    of WeCom asks for the EncodingAESKey from here.
    """
    current, console = status.facts.current_token, console_of(account.platform, account.suite_id)
    answer = request.GET.get("console", "")
    verified = describe_verification(current)
    is_about_calls = concerns_calls(status)
    return {
        "is_open": bool(token or aes_key) or answer in console.answers or is_about_calls,
        "is_official_account": account.platform == Platform.OFFICIAL_ACCOUNT,
        "is_mini_program": account.platform == Platform.MINI_PROGRAM,
        # This step is done, whatever else is wrong with the account.
        "done": "" if is_about_calls else verified,
        "verified": verified,
        "receives": status.receives,
        "is_refused": status.problem(calls.refused) is not None,
        "backend_url": status.facts.backend and mask_url(status.facts.backend.url),
        "current": current,
        "token": token,
        "aes_key": aes_key,
        "current_key": current_secret(AESKey, account) if account.is_wecom else None,
        "server_url": server_url(request, account),
        "address_problem": find_address_problem(settings.PUBLIC_URL, account),
        "console": console,
        "answer": answer,
        "zone": format_zone(),
        "advice": console_advice.advise(answer, account, status),
    }


def describe_verification(current: Token | None) -> str:
    """Return when WeChat first used the current token, or an empty text if it did not."""
    if current is None or current.first_used_at is None:
        return ""
    return _("Verified on {time} with the token {fingerprint}").format(
        time=format_datetime(current.first_used_at, MINUTE), fingerprint=current.fingerprint
    )


def concerns_calls(status: AccountStatus) -> bool:
    """Return whether calls are what the account waits for, or what fails."""
    return status.level is Level.WAITING or any(map(status.problem, PROBLEMS_OF_CALLS))


def find_address_problem(public_url: str, account: OfficialAccount | None = None) -> str:
    """Return why WeChat may not reach the server URL that the card shows, or an empty text.

    WeCom calls any port, and its console says which hosts it refuses.
    """
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
            "PUBLIC_URL is a local address, which {caller} cannot reach. Set it to your own "
            "domain, such as https://wx.example.cn."
        ).format(caller=account.caller if account else _("WeChat"))
    if account is not None and account.is_wecom:
        return ""
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
    """Answer a poll of the live line.

    `shown` changes with what the cards say about the state. The page then fetches them again.
    """
    if not site.get_model_admin(OfficialAccount).has_view_permission(request):
        raise PermissionDenied
    account = get_object_or_404(OfficialAccount, pk=account_id)
    status = read_statuses([account])[account.pk]
    return JsonResponse({"shown": digest_of(status)})


def digest_of(status: AccountStatus) -> str:
    problems = [
        (problem.text, problem.advice, problem.attempt and problem.attempt.pk)
        for problem in status.problems
    ]
    attempt, token = status.attempt, status.facts.current_token
    said = repr(
        (
            *(status.level, status.text, status.advice, attempt and attempt.pk, problems),
            *(status.facts.last_verified, token and token.pk, status.facts.has_key),
        )
    )
    return hashlib.sha256(said.encode()).hexdigest()[:16]
