"""Defines what a condition finds: a problem, good news, or the end of a problem."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.urls import reverse


@dataclass(frozen=True)
class Finding:
    """A problem or its end. Each key is one problem, which is reported once until it has ended."""

    key: str
    at: datetime
    title: str = ""
    text: str = ""
    link: str = ""
    #: The problem is over. This is reported if there is a title and the problem was reported.
    is_over: bool = False


def link_to(page: str, *arguments: object) -> str:
    """Return the URL of an admin page, or an empty text if PUBLIC_URL is not set."""
    if not settings.PUBLIC_URL:
        return ""
    return f"{settings.PUBLIC_URL}{reverse(f'admin:{page}', args=arguments)}"
