"""Shows one attempt: first what happened and what to do, then what was recorded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext as _

from verification.admin.attempts.neighbours import (
    detail_url,
    find_earlier,
    find_later,
    find_neighbours,
)
from verification.admin.attempts.presentation import describe_request, describe_response, state_of
from verification.admin.base import account_url, may
from verification.admin.seal_check import check_seal
from verification.attempts.filter import around
from verification.diagnosis import Explanation, StoredData, explain, remark_on
from verification.diagnosis.evidence import Evidence
from verification.models import Seal, Token, VerificationAttempt


@dataclass(frozen=True)
class Link:
    text: str
    url: str


def detail_context(request: HttpRequest, attempt: VerificationAttempt) -> dict[str, Any]:
    """Return what detail.html shows."""
    explanation, earlier, later = explain(attempt), find_earlier(attempt), find_later(attempt)
    seal = Seal.objects.filter(pk=attempt.seal_id).first()
    return {
        "state": state_of(attempt, explanation),
        "explanation": explanation,
        "remarks": [
            (remark.text, remark.attempt and detail_url(remark.attempt))
            for remark in remark_on(attempt)
        ],
        "open_links": open_links(request, explanation),
        "account_url": url_of_account(request, attempt),
        "around_url": around_url(attempt),
        "earlier": earlier and detail_url(earlier),
        "later": later and detail_url(later),
        "request_facts": describe_request(attempt),
        "response_facts": describe_response(attempt),
        "neighbours": find_neighbours(attempt, explanation),
        "source_url": source_url(attempt.client_ip),
        "signature": bytes(attempt.signature or b"").hex(),
        "comparisons": compare(attempt, explanation),
        "sealed": seal and check_seal(seal),
        "may_open_seal": may(request, "view_seal"),
    }


def url_of_account(request: HttpRequest, attempt: VerificationAttempt) -> str:
    """Return the address of the account's page, or an empty text if the user may not open it."""
    if attempt.account_id is None:
        return ""
    is_allowed = may(request, "view_officialaccount", "change_officialaccount")
    return account_url(attempt.account_id) if is_allowed else ""


def around_url(attempt: VerificationAttempt) -> str:
    """Return the address of the list of everything that was recorded around the attempt."""
    changelist = reverse("admin:verification_verificationattempt_changelist")
    return f"{changelist}{around(attempt.recorded_at).query()}"


def open_links(request: HttpRequest, explanation: Explanation) -> list[Link]:
    """Return links to the accounts and the change that the explanation names, if they are seen."""
    links = []
    if may(request, "view_officialaccount", "change_officialaccount"):
        links += [
            Link(_("Open {account}").format(account=account), account_url(account.pk))
            for account in explanation.accounts
        ]
    if explanation.event and may(request, "view_changeevent"):
        url = reverse("admin:verification_changeevent_change", args=[explanation.event.pk])
        links.append(Link(_("Open the entry of the change log"), url))
    return links


def source_url(client_ip: str | None) -> str:
    """Return the address of the list of all attempts from this source, or an empty text."""
    changelist = reverse("admin:verification_verificationattempt_changelist")
    return f"{changelist}?q={client_ip}" if client_ip else ""


@dataclass(frozen=True)
class Comparison:
    """Says whether the received signature was made with a token.

    The page shows neither the signature that the token gives, which would be a valid one, nor the
    token's place among the three sorted values: with timestamps and nonces of their own choice,
    people could find out the token from it.
    """

    token: Token
    is_same: bool


def compare(attempt: VerificationAttempt, explanation: Explanation) -> list[Comparison]:
    """Compare the signature with the account's tokens of that time, and the one that made it."""
    if not attempt.signature:
        return []
    evidence = Evidence(attempt, StoredData())
    return [
        Comparison(token, token in evidence.signers)
        for token, _text in evidence.stored.secrets
        if token == explanation.signed_with or was_valid(token, attempt)
    ]


def was_valid(token: Token, attempt: VerificationAttempt) -> bool:
    """Return whether the token was one of the account's valid tokens when the attempt came."""
    is_of_account = attempt.account_id is not None and token.account_id == attempt.account_id
    then = attempt.recorded_at
    return is_of_account and token.created_at <= then and token.is_live_at(then)
