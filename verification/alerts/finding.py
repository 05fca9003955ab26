"""What a condition finds: a trouble, good news, or the end of a trouble."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.urls import reverse


@dataclass(frozen=True)
class Finding:
    """One key is one trouble: it is told when it begins, and then not until it has ended."""

    key: str
    at: datetime
    title: str = ""
    text: str = ""
    link: str = ""
    #: The trouble is over; told, if there is a title, to who was told of the trouble.
    is_over: bool = False


def link_to(page: str, *arguments: object) -> str:
    """The address of a page of the admin; none as long as nobody said where the server is."""
    if not settings.PUBLIC_URL:
        return ""
    return f"{settings.PUBLIC_URL}{reverse(f'admin:{page}', args=arguments)}"
