"""Adds the operator of this server to the context of every template."""

from __future__ import annotations

from urllib.parse import quote

from django.conf import settings
from django.http import HttpRequest


def operator(request: HttpRequest) -> dict[str, str]:
    """Return who operates this server, for the context of every template."""
    contact = settings.CONTACT
    is_url = contact.startswith("https://")
    return {
        "organisation": settings.ORGANISATION,
        "contact": contact,
        "contact_url": contact if is_url else f"mailto:{quote(contact, safe='@')}",
    }
