from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.test import Client
from django.urls import reverse

from verification.models import ChangeEvent
from verification.tests.support.admin_client import PASSWORD

Action = ChangeEvent.Action


@pytest.fixture
def at_work(li_wei: User) -> Client:
    client = Client()
    client.force_login(li_wei)
    return client


@pytest.fixture
def wang_fang(db: None) -> User:
    return User.objects.create_user("wang.fang", password=PASSWORD)


def change(client: Client, user: User, **fields: Any) -> Any:
    form = {"username": user.username, "date_joined_0": "2026-11-23", "date_joined_1": "10:00:00"}
    return client.post(reverse("admin:auth_user_change", args=[user.pk]), {**form, **fields})


def events() -> list[tuple[str, str, dict[str, Any]]]:
    recorded = ChangeEvent.objects.exclude(action=Action.SIGNED_IN).order_by("id")
    return list(recorded.values_list("actor", "action", "facts"))


def role(name: str, user: str = "wang.fang") -> dict[str, str]:
    return {"user": user, "role": name}


def test_the_two_groups_are_there_with_what_they_may(db: None) -> None:
    may = {
        group.name: {permission.codename for permission in group.permissions.all()}
        for group in Group.objects.all()
    }

    assert set(may) == {"Token managers", "Auditors"}
    assert {"reveal_token", "rotate_token"} <= may["Token managers"]
    assert not {"reveal_token", "rotate_token"} & may["Auditors"]
    assert not Permission.objects.filter(codename="view_token").exists()
    assert {"view_changeevent", "export_attempts"} <= may["Auditors"]


def test_what_is_granted_is_on_record_with_who_granted_it(at_work: Client, wang_fang: User) -> None:
    auditors = Group.objects.get(name="Auditors")
    response = change(at_work, wang_fang, is_active="on", is_staff="on", groups=[auditors.pk])

    assert response.status_code == 302
    assert events() == [
        ("li.wei", Action.ROLE_GRANTED, role("Auditors")),
        ("li.wei", Action.ROLE_GRANTED, role("staff")),
    ]


def test_what_is_taken_away_is_on_record_too(at_work: Client, wang_fang: User) -> None:
    wang_fang.groups.add(Group.objects.get(name="Token managers"))
    change(at_work, wang_fang)

    assert events() == [
        ("li.wei", Action.ROLE_REVOKED, role("Token managers")),
        ("li.wei", Action.ROLE_REVOKED, role("active")),
    ]


def test_saving_without_a_change_is_no_event(at_work: Client, wang_fang: User) -> None:
    change(at_work, wang_fang, is_active="on")

    assert events() == []


def test_users_come_and_go_on_record(at_work: Client) -> None:
    form = {"username": "zhao.min", "password1": PASSWORD, "password2": PASSWORD}
    at_work.post(reverse("admin:auth_user_add"), form)
    zhao_min = User.objects.get(username="zhao.min")
    chosen = {"action": "delete_selected", "_selected_action": zhao_min.pk, "post": "yes"}
    at_work.post(reverse("admin:auth_user_changelist"), chosen)

    assert not User.objects.filter(username="zhao.min").exists()
    assert events() == [
        ("li.wei", Action.USER_CREATED, {"user": "zhao.min"}),
        ("li.wei", Action.ROLE_GRANTED, role("active", "zhao.min")),
        ("li.wei", Action.USER_DELETED, {"user": "zhao.min"}),
    ]


def test_what_a_group_may_do_is_on_record(at_work: Client) -> None:
    auditors = Group.objects.get(name="Auditors")
    form = {"name": "Auditors", "permissions": [auditors.permissions.first().pk]}  # type: ignore[union-attr]
    at_work.post(reverse("admin:auth_group_change", args=[auditors.pk]), form)

    assert {(actor, action) for actor, action, _ in events()} == {("li.wei", Action.ROLE_REVOKED)}
    assert len(events()) == 7


def test_deleting_a_group_takes_it_from_its_members(at_work: Client, wang_fang: User) -> None:
    auditors = Group.objects.get(name="Auditors")
    wang_fang.groups.add(auditors)
    at_work.post(reverse("admin:auth_group_delete", args=[auditors.pk]), {"post": "yes"})

    assert ("li.wei", Action.ROLE_REVOKED, role("Auditors")) in events()


def test_setting_a_password_is_on_record_without_it(at_work: Client, wang_fang: User) -> None:
    form = {"password1": "NewCanary2026!", "password2": "NewCanary2026!", "usable_password": "true"}
    at_work.post(reverse("admin:auth_user_password_change", args=[wang_fang.pk]), form)

    assert events() == [("li.wei", Action.PASSWORD_CHANGED, {"user": "wang.fang"})]


def test_a_new_name_is_on_record_with_the_old_one(at_work: Client, wang_fang: User) -> None:
    change(at_work, wang_fang, username="zhao.min", is_active="on")

    changes = {"username": ["wang.fang", "zhao.min"]}
    facts = {"user": "zhao.min", "changes": changes}
    assert events() == [("li.wei", Action.USER_RENAMED, facts)]


def test_ones_own_new_password_is_on_record_too(at_work: Client) -> None:
    form = {"new_password1": "NewCanary2026!", "new_password2": "NewCanary2026!"}
    url = reverse("admin:password_change")
    at_work.post(url, {**form, "old_password": "not mine"})
    assert events() == []

    at_work.post(url, {**form, "old_password": PASSWORD})
    assert events() == [("li.wei", Action.PASSWORD_CHANGED, {})]


def test_people_and_what_they_may_are_named_in_chinese(at_work: Client, wang_fang: User) -> None:
    wang_fang.groups.add(Group.objects.get(name="Auditors"))
    chinese = {"Accept-Language": "zh-CN"}
    users = at_work.get(reverse("admin:auth_user_changelist"), headers=chinese).text
    user = at_work.get(reverse("admin:auth_user_change", args=[wang_fang.pk]), headers=chinese).text

    assert re.search(r'aria-current="page">\s*用户\s*<', users)
    assert "审计员" in users
    assert "令牌管理员" in user
    assert "令牌 · 查看明文" in user
    assert not {word for word in ("认证", "Auditors", "Can ") if word in users + user}
