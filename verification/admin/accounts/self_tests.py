from __future__ import annotations

import shlex
from urllib.parse import parse_qs

from django.conf import settings
from django.contrib import admin, messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext_lazy as _

from verification.admin.accounts import tokens
from verification.admin.accounts.pages import render_page
from verification.admin.base import account_url, require
from verification.fields import UndecryptableSecret
from verification.keys import self_test_key
from verification.models import ChainHead, OfficialAccount, VerificationAttempt
from verification.protocol.console import TESTER_URL
from verification.self_test.checks import Result, check, worst
from verification.self_test.client import Probe, probe_server_url

#: Either permission will do.
TESTERS = ("change_officialaccount", "rotate_token")
SUMMARIES = {
    Result.PASSED: _("Everything passed: WeChat would accept this answer."),
    Result.WARNED: _("WeChat would accept this answer, but something needs attention."),
    Result.FAILED: _("WeChat would not accept this answer."),
}


def run(site: admin.AdminSite, request: HttpRequest, account_id: int) -> HttpResponse:
    """Play WeChat against the account's own server URL at PUBLIC_URL; no other can be given."""
    require(request, *TESTERS)
    if request.method != "POST":
        return redirect(account_url(account_id))
    account = get_object_or_404(OfficialAccount, pk=account_id)
    try:
        secret = find_secret(account)
    except UndecryptableSecret:
        messages.error(request, tokens.LOST_KEY)
        secret = None
    if not secret or not settings.PUBLIC_URL:
        return redirect(account_url(account_id))
    before = last_attempt_id()
    # Outside of any transaction: on SQLite an open one would keep the callback from being recorded.
    probe = probe_server_url(account.server_url, secret, self_test_key())
    return show(site, request, account, probe, find_attempt(probe, before))


def find_secret(account: OfficialAccount) -> str | None:
    token = account.current_token
    return token.secret.reveal() if token and token.secret else None


def last_attempt_id() -> int:
    return ChainHead.objects.values_list("last_attempt_id", flat=True).first() or 0


def find_attempt(probe: Probe, before: int) -> VerificationAttempt | None:
    """Return the attempt that the probe made, by its nonce: a proxy may change the rest."""
    nonce = parse_qs(probe.parts.query)["nonce"][0]
    return VerificationAttempt.objects.filter(id__gt=before, nonce=nonce).first()


def show(
    site: admin.AdminSite,
    request: HttpRequest,
    account: OfficialAccount,
    probe: Probe,
    attempt: VerificationAttempt | None,
) -> HttpResponse:
    checks = check(probe)
    context = {
        "title": _("Test of %(account)s from this server") % {"account": account},
        "checks": checks,
        "result": worst(checks),
        "summary": SUMMARIES[worst(checks)],
        "attempt": attempt,
        "curl": curl(probe),
        "wechats_tester": TESTER_URL,
        "language_next": account_url(account.pk),
    }
    return render_page(request, site, "self_test.html", account, context)


def curl(probe: Probe) -> str:
    """The same request, to be sent from elsewhere; it, too, is recorded as a self-test."""
    return shlex.join(["curl", "--http1.0", "--include", "-A", "Mozilla/4.0", probe.url])
