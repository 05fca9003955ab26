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


def export(filters: dict[str, str]) -> ChangeEvent:
    facts = {"format": "csv", "rows": 1204, "sha256": "9f" * 32, "filters": filters}
    return ChangeEvent.objects.create(action=Action.EXPORTED, facts={**facts, "complete": False})


def test_an_export_says_what_was_taken(at_work: Client) -> None:
    event = export({"since": "2026-06-30T16:00:00+00:00"})
    text = at_work.get(reverse("admin:verification_changeevent_change", args=[event.pk])).text

    since = "From: 2026-07-01 00:00:00 (UTC+8)"
    assert f"csv · 1,204 attempts · {since} · broke off · SHA-256 {'9f' * 32}" in text


FROM_THE_LIST = {
    "period": "last_quarter",
    "first": "2026-07-01",
    "last": "2026-09-30",
    "outcome": "refused",
    "reason": "no_token",
    "kind": "all",
    "noise": "none",
}


@pytest.mark.parametrize(
    ("language", "said"),
    [
        (
            "en",
            "Period: Last quarter · From: 2026-07-01 · Through: 2026-09-30 · Official account: "
            "Brand-A · Kind: All but self-tests · Outcome: Refused · Reason: No token · "
            "Internet noise: left out · ",
        ),
        (
            "zh-hans",
            "期间: 上季度 · 自: 2026-07-01 · 至: 2026-09-30 · 公众号: Brand-A · 类型: 自测以外 · "
            "结果: 拒绝 · 原因: 没有令牌 · 无关扫描请求: 未包含 · ",
        ),
    ],
)
def test_an_export_from_the_list_is_said_as_the_list_says_it(
    at_work: Client, brand_a: OfficialAccount, language: str, said: str
) -> None:
    event = export({**FROM_THE_LIST, "account": str(brand_a.pk)})
    url = reverse("admin:verification_changeevent_change", args=[event.pk])

    text = at_work.get(url, headers={"Accept-Language": language}).text
    assert said in text


@pytest.mark.parametrize(
    ("filters", "said"),
    [
        ({"first": "2026-07-01", "account": "none"}, "Official account: No such account"),
        ({"first": "2026-07-01", "account": "987654"}, "Official account: 987654"),
        ({"account": "1"}, "Official account: 1"),  # a slug
        ({"colour": "red"}, "colour: red"),  # of a version after this one
    ],
)
def test_a_filter_of_an_export_that_has_no_words_stays_as_it_was_stored(
    at_work: Client, brand_a: OfficialAccount, filters: dict[str, str], said: str
) -> None:
    url = reverse("admin:verification_changeevent_change", args=[export(filters).pk])

    assert f"{said} · broke off" in at_work.get(url).text


@pytest.mark.parametrize(
    ("is_intact", "detail", "english", "chinese"),
    [
        (True, "intact: seals 1 to 1,056", "intact: seals 1 to", "校验通过：存证批次 1 至 1,056"),
        (False, "not intact: seals 9 to 12", "not intact: seals 9", "校验不通过：存证批次 9 至 12"),
        (True, "of another version", "of another version", "of another version"),
    ],
)
def test_a_check_of_the_log_is_said_in_the_language_of_the_page(
    at_work: Client, is_intact: bool, detail: str, english: str, chinese: str
) -> None:
    event = ChangeEvent.objects.create(
        action=Action.LOG_CHECKED, detail=detail, facts={"is_intact": is_intact}
    )
    url = reverse("admin:verification_changeevent_change", args=[event.pk])

    assert english in at_work.get(url, headers={"Accept-Language": "en"}).text
    assert chinese in at_work.get(url, headers={"Accept-Language": "zh-hans"}).text
