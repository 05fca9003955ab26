"""Open home as one of the people who use it."""

from __future__ import annotations

import re
from typing import Any

from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from verification.models import Alert

#: Matches a time as home shows it: without the date if that is today.
TIME = r"(?:(?:\d{4}-)?\d\d-\d\d )?\d\d:\d\d"


def open_home(client: Client) -> str:
    """Return the page with one space between all words and tags."""
    response = client.get(reverse("admin:index"))
    assert response.status_code == 200
    return " ".join(response.text.split())


def words(page: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", page).split())


def section(page: str, heading: str) -> str:
    """Return the HTML of the block of home with this heading."""
    blocks: list[str] = re.findall(r"<section.*?</section>", page)
    [block] = [block for block in blocks if re.search(f"<h2[^>]*>{heading}", block)]
    return block


def headings(page: str) -> list[str]:
    found: list[str] = re.findall(r"<h2[^>]*>([^<]*)</h2>", page)
    return [heading.strip() for heading in found]


def open_alert(key: str, title: str, link: str = "", **fields: Any) -> Alert:
    times = dict.fromkeys(("began_at", "seen_at", "told_at"), timezone.now())
    return Alert.objects.create(key=key, title=title, link=link, **{**times, **fields})


def member_of(group: str, name: str = "zhao.min") -> Client:
    """Return a client of a member of staff who is in this group, or in none if it is empty."""
    user = User.objects.create_user(name, is_staff=True)
    if group:
        user.groups.add(Group.objects.get(name=group))
    client = Client()
    client.force_login(user)
    return client
