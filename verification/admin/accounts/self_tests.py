"""Runs the self-test: this server calls itself as the platform would, and shows the answer."""

from __future__ import annotations

import shlex

from django.conf import settings
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy as _

from verification.accounts.encryption import check_verification, read_check_encryption
from verification.admin.accounts.aes_keys import AES_KEYS
from verification.admin.accounts.pages import render_page
from verification.admin.accounts.tokens import TOKENS
from verification.admin.base import account_url, redirect_to_account, require
from verification.fields import UndecryptableSecret
from verification.keys import self_test_key
from verification.models import ChainHead, OfficialAccount, VerificationAttempt
from verification.protocol.console import console_of
from verification.self_test.checks import Result, worst
from verification.self_test.client import Probe, probe_server_url

#: A user needs one of these permissions.
TESTERS = ("change_officialaccount", "rotate_token")
SUMMARIES = {
    Result.PASSED: _("Everything passed: {caller} would accept this answer."),
    Result.WARNED: _("{caller} would accept this answer, but something needs attention."),
    Result.FAILED: _("The test failed: {caller}'s own check would probably fail."),
}


def run(site: admin.AdminSite, request: HttpRequest, account_id: int) -> HttpResponse:
    """Send a URL verification to the account's server URL, as its platform would; show the result.

    The URL comes from PUBLIC_URL and the account alone: a user cannot choose another target.
    """
    require(request, *TESTERS)
    if request.method != "POST":
        return redirect_to_account(request, account_id)
    account = get_object_or_404(OfficialAccount, pk=account_id)
    secret = encryption = None
    try:
        secret = find_secret(account)
        encryption = read_check_encryption(account)
    except UndecryptableSecret:
        messages.error(request, AES_KEYS.lost_key if secret else TOKENS.lost_key)
        return redirect_to_account(request, account_id)
    except ValidationError as error:
        messages.error(request, error.messages[0])
        return redirect_to_account(request, account_id)
    if not secret or not settings.PUBLIC_URL:
        return redirect_to_account(request, account_id)
    last_id = ChainHead.objects.values_list("last_attempt_id", flat=True).first() or 0
    # No transaction may be open here: on SQLite it would keep the callback from being recorded.
    probe = probe_server_url(account.server_url, secret, self_test_key(), encryption)
    return show(site, request, account, probe, find_attempt(probe, last_id))


def find_secret(account: OfficialAccount) -> str | None:
    """Return the current token, or None if there is none; raise UndecryptableSecret."""
    token = account.current_token
    return token.secret.reveal() if token and token.secret else None


def find_attempt(probe: Probe, last_id: int) -> VerificationAttempt | None:
    """Return the probe's attempt, recorded after attempt `last_id`, or None."""
    return VerificationAttempt.objects.filter(id__gt=last_id, nonce=probe.nonce).first()


def show(
    site: admin.AdminSite,
    request: HttpRequest,
    account: OfficialAccount,
    probe: Probe,
    attempt: VerificationAttempt | None,
) -> HttpResponse:
    checks = check_verification(probe, account)
    context = {
        "title": _("Test of %(account)s from this server") % {"account": account},
        "checks": checks,
        "result": worst(checks),
        "summary": str(SUMMARIES[worst(checks)]).format(caller=account.caller),
        "attempt": attempt,
        "curl": curl(probe),
        "tester_url": console_of(account.platform, account.suite_id).tester_url,
        "language_next": account_url(account.pk),
    }
    return render_page(request, site, "self_test.html", account, context)


def curl(probe: Probe) -> str:
    """Return a command that sends the same request, which is also recorded as a self-test."""
    version = f"--http{probe.http_version}"
    return shlex.join(["curl", version, "--include", "-A", "Mozilla/4.0", probe.url])
