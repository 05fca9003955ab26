"""The page of one attempt: what happened and what to do first, then what is on record of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from verification.admin.attempts.neighbours import around, detail_url, find_earlier, find_later
from verification.admin.attempts.presentation import describe_request, describe_response
from verification.admin.base import account_url, may
from verification.audit_log.chain import BrokenChain
from verification.audit_log.verifier import verify_seal
from verification.diagnosis import Explanation, StoredData, explain, remark_on
from verification.diagnosis.evidence import Evidence
from verification.models import Seal, Token, VerificationAttempt
from verification.protocol.enums import Outcome
from verification.times import format_datetime


@dataclass(frozen=True)
class SealLine:
    """The seal of an attempt, checked as the page is opened."""

    seal: Seal
    problem: str  #: a sentence; empty when it verifies
    checked_at: datetime

    @property
    def digest(self) -> str:
        return bytes(self.seal.digest).hex()[:16]

    @property
    def time(self) -> str:
        return format_datetime(self.checked_at, "%H:%M:%S")


@dataclass(frozen=True)
class Link:
    text: str
    url: str


def describe(request: HttpRequest, attempt: VerificationAttempt) -> dict[str, Any]:
    """What detail.html shows."""
    explanation, earlier, later = explain(attempt), find_earlier(attempt), find_later(attempt)
    return {
        "state": state_of(attempt, explanation),
        "explanation": explanation,
        "remarks": [(it.text, it.attempt and detail_url(it.attempt)) for it in remark_on(attempt)],
        "open_links": open_links(request, explanation),
        "earlier": earlier and detail_url(earlier),
        "later": later and detail_url(later),
        "came_in": describe_request(attempt),
        "answered": describe_response(attempt),
        "neighbours": around(attempt, explanation),
        "all_from_source": all_from(attempt.client_ip),
        "signature": bytes(attempt.signature or b"").hex(),
        "comparisons": compare(attempt, explanation),
        "sealed": check_seal(attempt),
        "may_open_seal": may(request, "view_seal"),
    }


def state_of(attempt: VerificationAttempt, explanation: Explanation) -> str:
    if attempt.outcome == Outcome.ACCEPTED:
        return "verified"
    return "harmless" if explanation.is_harmless else "refused"


def open_links(request: HttpRequest, explanation: Explanation) -> list[Link]:
    if not may(request, "view_officialaccount", "change_officialaccount"):
        return []
    return [
        Link(_("Open {account}").format(account=account), account_url(account.pk))
        for account in explanation.accounts
    ]


def all_from(client_ip: str | None) -> str:
    changelist = reverse("admin:verification_verificationattempt_changelist")
    return f"{changelist}?q={client_ip}" if client_ip else ""


def check_seal(attempt: VerificationAttempt) -> SealLine | None:
    seal = Seal.objects.filter(pk=attempt.seal_id).first()
    if seal is None:
        return None
    try:
        verify_seal(seal)
    except BrokenChain as broken:
        return SealLine(seal, str(broken), timezone.now())
    return SealLine(seal, "", timezone.now())


@dataclass(frozen=True)
class Comparison:
    """A token, and whether the received signature was made with it.

    What else it gives is not shown: that would be a valid signature. Nor is its place among the
    sorted three: with timestamps and nonces of one's own choice, it would tell the token.
    """

    token: Token
    is_same: bool


def compare(attempt: VerificationAttempt, explanation: Explanation) -> list[Comparison]:
    """With the tokens of the account that were valid then, and the one that did sign it."""
    if not attempt.signature:
        return []
    evidence = Evidence(attempt, StoredData())
    return [
        Comparison(token, evidence.is_signed_with(text))
        for token, text in evidence.stored.secrets
        if token == explanation.signed_with or was_valid(token, attempt)
    ]


def was_valid(token: Token, attempt: VerificationAttempt) -> bool:
    is_own = attempt.account_id is not None and token.account_id == attempt.account_id
    then = attempt.recorded_at
    return is_own and token.created_at <= then and token.is_live_at(then)
