"""List every URL of the admin from the URL resolver, filled with existing rows."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.contrib.contenttypes.models import ContentType
from django.test import Client
from django.urls import URLPattern, URLResolver, reverse

from verification.models import OfficialAccount, VerificationAttempt


def walk(patterns: list[URLPattern | URLResolver], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield the name and route of every URL in these patterns."""
    for pattern in patterns:
        route = prefix + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from walk(pattern.url_patterns, route)
        else:
            yield pattern.name or route, route


ROUTES = sorted({route for _name, route in walk(admin.site.get_urls())})


def newest_rows(account: OfficialAccount) -> dict[str, int]:
    """Return the newest primary key of each model by its name in URLs, and this account's keys.

    It is 1 for a model without rows.
    """
    newest = {
        model._meta.model_name: model._default_manager.order_by("-pk").values_list("pk", flat=True)
        for model in admin.site._registry
    }
    account_rows = {"account_id": account.pk, "tokens": account.tokens.latest("pk").pk}
    if aes_key := account.aes_keys.order_by("-pk").first():
        account_rows["aes-key"] = aes_key.pk
    return {**{str(name): keys.first() or 1 for name, keys in newest.items()}, **account_rows}


def url(route: str, rows: dict[str, int]) -> str:
    model = route.split("/")[1] if route.count("/") > 1 else ""
    route = route.replace("(?P<app_label>verification|auth)", "verification").strip("^$")
    route = route.replace("(?P<url>.*)", "nothing-here/")
    for secrets in ("tokens", "aes-key"):
        route = route.replace(f"{secrets}/<int:secret_id>", f"{secrets}/{rows.get(secrets, 1)}")
    content_type = ContentType.objects.get_for_model(VerificationAttempt).pk
    filled = {**rows, "content_type_id": content_type}
    name_of = re.compile(r"<(?:\w+:)?(\w+)>")
    return "/admin/" + name_of.sub(lambda m: str(filled.get(m[1], rows.get(model, 1))), route)


def every_url(account: OfficialAccount) -> set[str]:
    """Return the URL of each route once, and of the change form of every row."""
    rows = newest_rows(account)
    urls = {url(route, rows) for route in ROUTES}
    for model in admin.site._registry:
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        for pk in model._default_manager.values_list("pk", flat=True):
            urls.add(reverse(f"{name}_change", args=[pk]))
    return urls


def every_page(client: Client, account: OfficialAccount, *queries: str) -> list[str]:
    """Return the URL of every page that this client can open: of each route, account and query.

    Redirects, downloads, refusals and parts of pages are none.
    """
    rows = {**newest_rows(account), "officialaccount": account.pk}
    rows["tokens"] = account.tokens.earliest("pk").pk  # which can be retired
    urls = [url(route, rows) for route in ROUTES]
    for pk in OfficialAccount.objects.values_list("pk", flat=True):
        urls.append(reverse("admin:verification_officialaccount_change", args=[pk]))
    return [url for url in dict.fromkeys([*urls, *queries]) if is_page(client.get(url))]


def is_page(answer: Any) -> bool:
    return answer.status_code == 200 and b"<html" in answer.content
