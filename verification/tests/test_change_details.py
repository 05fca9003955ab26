"""What the change log says of a change, in the words of whoever reads it."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from verification.models import ChangeEvent, OfficialAccount
from verification.models.token import rotate_token

Action = ChangeEvent.Action


@pytest.fixture
def at_work(li_wei: User, client: Client) -> Client:
    client.force_login(li_wei)
    return client


def read(client: Client, action: Action, detail: str, language: str) -> str:
    event = ChangeEvent.objects.create(actor="li.wei", action=action, detail=detail)
    url = reverse("admin:verification_changeevent_change", args=[event.pk])
    page: str = client.get(url, headers={"Accept-Language": language}).text
    return page


@pytest.mark.parametrize(
    ("action", "detail", "english", "chinese"),
    [
        (
            Action.ACCOUNT_CHANGED,
            "answers_at_root, app_id",
            "answers at /, AppID",
            "在 / 应答, AppID",
        ),
        (Action.ACCOUNT_CHANGED, "a_field_of_old", "a_field_of_old", "a_field_of_old"),
        (
            Action.ROLE_GRANTED,
            "wang.fang: superuser",
            "superuser status",
            "wang.fang: 超级用户状态",
        ),
        (Action.ROLE_REVOKED, "Sales: view_seal", "Sales: Seals · ", "Sales: "),
        (Action.ROLE_GRANTED, "wang.fang: Sales: East", "wang.fang: Sales: East", "Sales: East"),
        (Action.TOKEN_ROTATED, "0 h", "stays valid: not at all", "旧令牌继续有效: 立即作废"),
        (Action.TOKEN_ROTATED, "until used + 24 h", "until WeChat has used", "直到微信使用新令牌"),
        (Action.TOKEN_ROTATED, "5 h", "stays valid: 5 h", "旧令牌继续有效: 5 h"),
    ],
)
def test_a_detail_is_read_in_the_language_of_the_page(
    at_work: Client, action: Action, detail: str, english: str, chinese: str
) -> None:
    assert english in read(at_work, action, detail, "en")
    assert chinese in read(at_work, action, detail, "zh-hans")


def test_the_list_says_it_as_well(at_work: Client, brand_a: OfficialAccount) -> None:
    rotate_token(brand_a, "NewTokenOfBrandA99", actor="li.wei")
    url: Any = reverse("admin:verification_changeevent_changelist")

    assert "until WeChat has used the new one" in at_work.get(url).text


def test_what_is_stored_is_the_same_in_every_language(
    at_work: Client, brand_a: OfficialAccount
) -> None:
    url = reverse("admin:verification_officialaccount_change", args=[brand_a.pk])
    form = {"name": "上海旗舰店", "slug": "brand-a", "initial-slug": "brand-a"}
    at_work.post(url, form, headers={"Accept-Language": "zh-hans"})

    assert ChangeEvent.objects.latest("id").detail == "name, answers_at_root"


def test_an_export_says_what_was_taken(at_work: Client) -> None:
    facts = {"format": "csv", "rows": 1204, "sha256": "9f" * 32, "filters": {"since": "2026-07-01"}}
    event = ChangeEvent.objects.create(action=Action.EXPORTED, facts={**facts, "complete": False})
    text = at_work.get(reverse("admin:verification_changeevent_change", args=[event.pk])).text

    assert f"csv · 1,204 attempts · since: 2026-07-01 · broke off · SHA-256 {'9f' * 32}" in text
