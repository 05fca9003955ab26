"""Somebody who may change users cannot make anybody able to do more than they can themselves."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.test import Client
from django.urls import reverse

from verification.tests.support.admin_client import PASSWORD, staff

MANAGER = ("add_user", "change_user", "delete_user", "view_user", "view_group", "change_group")
NEW = {"password1": "NewCanary2026!", "password2": "NewCanary2026!"}


@pytest.fixture
def wang_fang(db: None) -> Client:
    """Sign in the one who manages users, and may read the change log besides."""
    return staff(*MANAGER, "view_changeevent")


@pytest.fixture
def zhao_min(db: None) -> User:
    return User.objects.create_user("zhao.min", password=PASSWORD, is_staff=True)


def change(client: Client, user: User, **fields: Any) -> Any:
    url = reverse("admin:auth_user_change", args=[user.pk])
    return client.post(url, {"username": user.username, "is_active": "on", **fields})


def set_password(client: Client, user: User) -> int:
    url = reverse("admin:auth_user_password_change", args=[user.pk])
    return client.post(url, NEW).status_code


def permission(codename: str) -> Permission:
    return Permission.objects.get(codename=codename)


@pytest.mark.parametrize("name", ["wang.fang", "zhao.min"])
def test_nobody_is_made_a_superuser(wang_fang: Client, zhao_min: User, name: str) -> None:
    user = User.objects.get(username=name)
    assert change(wang_fang, user, is_superuser="on").status_code == 302

    user.refresh_from_db()
    assert not user.is_superuser


def test_a_superuser_is_neither_changed_nor_deleted(wang_fang: Client, li_wei: User) -> None:
    assert change(wang_fang, li_wei, username="nobody").status_code == 403
    assert set_password(wang_fang, li_wei) == 403
    url = reverse("admin:auth_user_delete", args=[li_wei.pk])
    assert wang_fang.post(url, {"post": "yes"}).status_code == 403
    form = {"action": "delete_selected", "_selected_action": li_wei.pk, "post": "yes"}
    wang_fang.post(reverse("admin:auth_user_changelist"), form)

    li_wei.refresh_from_db()
    assert (li_wei.username, li_wei.is_active) == ("li.wei", True)
    assert li_wei.check_password(PASSWORD)


@pytest.mark.parametrize("is_active", [True, False])
def test_the_password_of_someone_who_can_do_more_is_not_set(
    wang_fang: Client, zhao_min: User, is_active: bool
) -> None:
    zhao_min.groups.add(Group.objects.get(name="Token managers"))
    User.objects.filter(pk=zhao_min.pk).update(is_active=is_active)

    assert set_password(wang_fang, zhao_min) == 403
    assert change(wang_fang, zhao_min).status_code == 403


def test_a_permission_is_given_only_by_someone_who_has_it(
    wang_fang: Client, zhao_min: User
) -> None:
    denied, given = permission("reveal_token"), permission("view_changeevent")
    answer = change(wang_fang, zhao_min, user_permissions=[denied.pk, given.pk])
    assert answer.status_code == 200
    assert "Select a valid choice" in answer.text
    assert change(wang_fang, zhao_min, user_permissions=[given.pk]).status_code == 302

    assert [*zhao_min.user_permissions.all()] == [given]


def test_nobody_joins_a_group_that_can_do_more(wang_fang: Client, zhao_min: User) -> None:
    readers = Group.objects.create(name="Readers")
    readers.permissions.add(permission("view_changeevent"))
    auditors = Group.objects.get(name="Auditors")
    for user in (zhao_min, User.objects.get(username="wang.fang")):
        assert change(wang_fang, user, groups=[auditors.pk]).status_code == 200
        assert change(wang_fang, zhao_min, groups=[readers.pk]).status_code == 302
    form = {"username": "sun.li", "is_staff": "on", "groups": [auditors.pk], **NEW}
    assert wang_fang.post(reverse("admin:auth_user_add"), form).status_code == 200

    assert not auditors.user_set.exists()
    assert not User.objects.filter(username="sun.li").exists()
    assert [*readers.user_set.all()] == [zhao_min]


def test_a_group_gets_no_permission_that_the_giver_lacks(wang_fang: Client) -> None:
    readers = Group.objects.create(name="Readers")
    wang_fang_herself = User.objects.get(username="wang.fang")
    readers.user_set.add(wang_fang_herself)
    url = reverse("admin:auth_group_change", args=[readers.pk])
    denied, given = permission("reveal_token"), permission("view_changeevent")
    assert wang_fang.post(url, {"name": "Readers", "permissions": [denied.pk]}).status_code == 200
    assert wang_fang.post(url, {"name": "Readers", "permissions": [given.pk]}).status_code == 302

    assert [*readers.permissions.all()] == [given]


def test_a_group_that_can_do_more_is_not_changed(wang_fang: Client) -> None:
    auditors = Group.objects.get(name="Auditors")
    before = [*auditors.permissions.all()]
    url = reverse("admin:auth_group_change", args=[auditors.pk])

    assert wang_fang.post(url, {"name": "Nobody"}).status_code == 403
    assert [*Group.objects.get(name="Auditors").permissions.all()] == before


def test_a_superuser_gives_everything(li_wei_at_work: Client, zhao_min: User) -> None:
    managers = Group.objects.get(name="Token managers")
    given = permission("sign_off")
    answer = change(
        li_wei_at_work,
        zhao_min,
        is_superuser="on",
        groups=[managers.pk],
        user_permissions=[given.pk],
    )
    zhao_min.refresh_from_db()

    assert answer.status_code == 302
    assert zhao_min.is_superuser
    assert [*zhao_min.groups.all()] == [managers]
    assert [*zhao_min.user_permissions.all()] == [given]
