"""Reads the cards of the account page. The live line fetches them again when the state changes."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404

from verification.accounts.status import read_statuses
from verification.admin.accounts import backends, connect, deliveries, self_tests
from verification.admin.accounts.aes_keys import AES_KEYS
from verification.admin.accounts.pages import render_page
from verification.admin.accounts.records import read_records
from verification.admin.accounts.tokens import TOKENS
from verification.admin.base import may
from verification.models import OfficialAccount, PendingReveal


def read_cards(
    request: HttpRequest, account: OfficialAccount, pending: PendingReveal | None = None
) -> dict[str, Any]:
    """Return what cards.html shows. `pending` says which secret this answer shows."""
    status = read_statuses([account])[account.pk]
    return {
        "original": account,
        "status": connect.status_context(request, account, status),
        "card": connect.card_context(
            request,
            account,
            status,
            token=TOKENS.read_shown(account, pending),
            aes_key=AES_KEYS.read_shown(account, pending) if account.is_wecom else "",
        ),
        "backend_card": backends.card_context(request, status, pending),
        "deliveries_card": deliveries.card_context(request, account, status.facts.backend),
        "secret_cards": [
            pages.read_card(request, account, pending) for pages in (TOKENS, AES_KEYS)
        ],
        "may_test": may(request, *self_tests.TESTERS),
        "records": read_records(request, account),
    }


def show(site: admin.AdminSite, request: HttpRequest, account_id: int) -> HttpResponse:
    """Answer the live line with the cards alone. No secret is shown there."""
    if not site.get_model_admin(OfficialAccount).has_view_permission(request):
        raise PermissionDenied
    account = get_object_or_404(OfficialAccount, pk=account_id)
    context = read_cards(request, account)
    return render_page(request, site, "cards.html", account, context)
