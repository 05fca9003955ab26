"""Renders the pages about one account."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from verification.models import OfficialAccount


def render_page(
    request: HttpRequest,
    site: admin.AdminSite,
    template: str,
    account: OfficialAccount | None,
    context: dict[str, Any],
) -> HttpResponse:
    """Render `template` of this folder with the context that every page of the admin needs."""
    page = {**site.each_context(request), "account": account, "opts": OfficialAccount._meta}
    return render(request, f"admin/verification/officialaccount/{template}", {**page, **context})


def server_url(request: HttpRequest, account: OfficialAccount) -> str:
    """Return the server URL to paste into the console.

    Without PUBLIC_URL it begins with the address by which this page was reached.
    """
    return request.build_absolute_uri(account.server_url)
