"""How the change log describes a change, in the language of the page."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from verification import change_log
from verification.accounts.tokens import rotate_token
from verification.change_log import Action
from verification.models import ChangeEvent, OfficialAccount
from verification.tests.support.accounts import LI_WEI


@pytest.fixture
def at_work(li_wei: User, client: Client) -> Client:
    client.force_login(li_wei)
    return client


def read(client: Client, event: ChangeEvent, language: str) -> str:
    url = reverse("admin:verification_changeevent_change", args=[event.pk])
    page: str = client.get(url, headers={"Accept-Language": language}).text
    return page


@pytest.mark.parametrize(
    ("action", "facts", "english", "chinese"),
    [
        (
            Action.ACCOUNT_CHANGED,
            # PostgreSQL orders the keys of an object by their length.
            {"changes": {"app_id": ["", "wx1"], "answers_at_root": [True, False]}},
            "AppID: – → wx1<br>also accept calls at the bare domain: yes → no",
            "AppID: – → wx1<br>同时接受根地址的请求: 是 → 否",
        ),
        (
            Action.ACCOUNT_CHANGED,
            {"changes": {"a_field_of_old": [1, "long" * 30]}},
            f"a_field_of_old: 1 → {'long' * 30}",
            "a_field_of_old: 1 → ",
        ),
        (Action.ACCOUNT_DELETED, {"name": "旗舰店", "slug": "a"}, "旗舰店 (a)", "旗舰店 (a)"),
        (
            Action.ROLE_GRANTED,
            {"user": "wang.fang", "role": "superuser"},
            "wang.fang: superuser status",
            "wang.fang: 超级用户状态",
        ),
        (
            Action.ROLE_REVOKED,
            {"group": "Sales", "role": "view_seal"},
            "Sales: Seals · ",
            "Sales: ",
        ),
        (
            Action.ROLE_GRANTED,
            {"user": "wang.fang", "role": "Sales: East"},
            "wang.fang: Sales: East",
            "Sales: East",
        ),
        (
            Action.TOKEN_ROTATED,
            {"keep_old_hours": 0},
            "stays valid: not at all",
            "旧令牌继续有效: 立即作废",
        ),
        (
            Action.TOKEN_ROTATED,
            {"keep_old_hours": None},
            "until 24 h after first use of the new one",
            "至新值首次使用后 24 小时",
        ),
        (Action.TOKEN_ROTATED, {"keep_old_hours": 5}, "valid: 5 h", "旧令牌继续有效: 5 h"),
        (
            Action.TOKEN_RETIRED,
            {"changes": {"expires_at": [None, "2026-11-24T04:00:00+00:00"]}},
            "valid until: – → 2026-11-24 12:00:00 (UTC+8)",
            "有效期至: – → 2026-11-24 12:00:00 (UTC+8)",
        ),
        (
            Action.USER_RENAMED,
            {"user": "zhao.min", "changes": {"username": ["wang.fang", "zhao.min"]}},
            "username: wang.fang → zhao.min",
            "用户名: wang.fang → zhao.min",
        ),
        (Action.RECOVERY_CODE_USED, {"left": 9}, "9 left", "剩余 9 个"),
        (
            Action.LOG_CHECKED,
            {"is_intact": True, "first_seal": 1, "last_seal": 1056},
            "intact: seals 1 to 1,056",
            "校验通过：存证批次 1 至 1,056",
        ),
        (
            Action.LOG_CHECKED,
            {"is_intact": False, "first_seal": 9, "last_seal": 12},
            "found a problem: seals 9 to 12",
            "校验未通过：存证批次 9 至 12",
        ),
        (
            Action.LOG_CHECKED,
            {"is_intact": True, "first_seal": 1, "last_seal": 0},
            "intact: no seals",
            "校验通过：没有存证批次",
        ),
        (
            Action.LOG_CHECKED,
            {"is_intact": False, "first_seal": 9, "last_seal": 8},
            "found a problem: no new seals",
            "校验未通过：没有新的存证批次",
        ),
    ],
)
def test_an_event_is_described_in_the_language_of_the_page(
    at_work: Client, action: Action, facts: dict[str, Any], english: str, chinese: str
) -> None:
    event = change_log.record(action, LI_WEI, **facts)

    assert english in read(at_work, event, "en")
    assert chinese in read(at_work, event, "zh-hans")


@pytest.mark.parametrize(
    ("action", "detail", "facts"),
    [
        (Action.ACCOUNT_CHANGED, "name, answers_at_root", {}),
        (Action.ROLE_GRANTED, "wang.fang: superuser", {}),
        (Action.TOKEN_ROTATED, "until used + 24 h", {}),
        (Action.LOG_CHECKED, "intact: seals 1 to 1,056", {"is_intact": True}),
    ],
)
def test_an_event_of_an_older_release_shows_the_text_that_was_stored(
    at_work: Client, action: Action, detail: str, facts: dict[str, Any]
) -> None:
    event = ChangeEvent.objects.create(actor="li.wei", action=action, detail=detail, facts=facts)

    assert detail in read(at_work, event, "en")
    assert detail in read(at_work, event, "zh-hans")


def test_the_list_says_it_as_well(at_work: Client, brand_a: OfficialAccount) -> None:
    rotate_token(brand_a, "NewTokenOfBrandA99", LI_WEI)
    url: Any = reverse("admin:verification_changeevent_changelist")

    assert "until 24 h after first use of the new one" in at_work.get(url).text


def test_what_is_stored_is_the_same_in_every_language(
    at_work: Client, brand_a: OfficialAccount
) -> None:
    url = reverse("admin:verification_officialaccount_change", args=[brand_a.pk])
    form = {"name": "上海旗舰店", "slug": "brand-a", "initial-slug": "brand-a"}
    at_work.post(url, form, headers={"Accept-Language": "zh-hans"})

    assert ChangeEvent.objects.latest("id").facts["changes"] == {
        "name": ["Brand-A", "上海旗舰店"],
        "answers_at_root": [True, False],
    }


def export(filters: dict[str, str]) -> ChangeEvent:
    facts: dict[str, Any] = {"format": "csv", "rows": 1204, "sha256": "9f" * 32, "filters": filters}
    return change_log.record(Action.EXPORTED, LI_WEI, **facts, complete=False)


def test_an_export_says_what_was_taken(at_work: Client) -> None:
    event = export({"since": "2026-06-30T16:00:00+00:00"})
    text = at_work.get(reverse("admin:verification_changeevent_change", args=[event.pk])).text

    since = "From: 2026-07-01 00:00:00 (UTC+8)"
    assert f"csv · 1,204 attempts · {since} · interrupted · SHA-256 {'9f' * 32}" in text


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
    ("language", "description"),
    [
        (
            "en",
            "Period: Last quarter · From: 2026-07-01 · Through: 2026-09-30 · Account: "
            "Brand-A · Kind: All but self-tests · Outcome: Refused · Reason: No token · "
            "Internet noise: left out · ",
        ),
        (
            "zh-hans",
            "期间: 上季度 · 自: 2026-07-01 · 至: 2026-09-30 · 账号: Brand-A · "
            "类型: 全部（不含自测） · 结果: 拒绝 · 原因: 没有令牌 · 无关扫描请求: 不含 · ",
        ),
    ],
)
def test_an_export_from_the_list_is_said_as_the_list_says_it(
    at_work: Client, brand_a: OfficialAccount, language: str, description: str
) -> None:
    event = export({**FROM_THE_LIST, "account": str(brand_a.pk)})
    url = reverse("admin:verification_changeevent_change", args=[event.pk])

    text = at_work.get(url, headers={"Accept-Language": language}).text
    assert description in text


@pytest.mark.parametrize(
    ("filters", "description"),
    [
        ({"first": "2026-07-01", "account": "none"}, "Account: No such account"),
        ({"first": "2026-07-01", "account": "987654"}, "Account: 987654"),
        ({"account": "1"}, "Account: 1"),  # a slug
        ({"colour": "red"}, "colour: red"),  # of a version after this one
    ],
)
def test_a_filter_of_an_export_that_has_no_words_stays_as_it_was_stored(
    at_work: Client, brand_a: OfficialAccount, filters: dict[str, str], description: str
) -> None:
    url = reverse("admin:verification_changeevent_change", args=[export(filters).pk])

    assert f"{description} · interrupted" in at_work.get(url).text
