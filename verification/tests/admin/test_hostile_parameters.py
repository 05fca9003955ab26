"""Values that no browser sends: each page answers in a sentence, never with 500."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from verification.models import OfficialAccount

VALUES = ["1,%00", "9" * 10_000, "9" * 30, "%ed%a0%80"]
NAMES = [
    # Django's own, and those of the pages of this project
    *("q", "o", "p", "_to_field", "period", "first", "account", "outcome", "before", "console"),
    "next",
    # fields
    *("id__in", "name", "action", "account__id__exact", "recorded_at__gte", "recorded_at__year"),
]


def every_page(account: OfficialAccount) -> Iterator[str]:
    for model in admin.site._registry:
        yield reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
    yield reverse("admin:verification_officialaccount_change", args=[account.pk])
    yield reverse("admin:sign_off")
    yield from ("/admin/second-factor/", "/admin/login/")


@pytest.mark.parametrize("value", VALUES, ids=lambda value: value[:8])
def test_no_value_of_a_parameter_is_an_error_of_the_server(
    on_record: OfficialAccount, li_wei_at_work: Client, value: str
) -> None:
    failures = []
    for page in every_page(on_record):
        for name in NAMES:
            try:
                status = li_wei_at_work.get(f"{page}?{name}={value}").status_code
            except Exception as error:
                failures.append(f"{page} {name}: {error!r}")
                break
            if status >= 500:
                failures.append(f"{page} {name}: {status}")

    assert failures == []


@pytest.mark.parametrize("url", ["/admin/auth/group/?name=a%00b", "/admin/a%00b/", "/?%00"])
def test_nul_in_a_url_is_refused_with_a_page(li_wei_at_work: Client, url: str) -> None:
    answer = li_wei_at_work.get(url, headers={"Accept-Language": "en"})

    assert answer.status_code == 400
    assert re.search(r"<h1>.+</h1>", answer.text)
