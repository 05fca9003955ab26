"""The menu of the admin: its groups, who sees what, and what is marked as the current place."""

from __future__ import annotations

import re

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.test import Client

from verification.auth.menu import MENU, ModelEntry
from verification.models import OfficialAccount
from verification.tests.support.admin_client import page, someone_who_may, staff

MENU_OF_ALL = {
    "Accounts": ["Accounts", "Messages in the spool"],
    "Audit": [
        *("Verification attempts", "Change log", "Sign-offs", "Integrity", "Seals", "Tallies"),
    ],
    "Users": ["Users", "Groups"],
}


def sidebar(client: Client, url: str = "/admin/verification/seal/integrity/") -> str:
    text = client.get(url).text
    return text.partition('id="nav-sidebar"')[2].partition("</nav>")[0]


def menu(client: Client, url: str) -> dict[str, list[str]]:
    groups = re.split(r"<caption>(.*?)</caption>", sidebar(client, url))[1:]
    return {
        name: [text.strip() for text in re.findall(r"<th.*?<a[^>]*>(.*?)</a>", rows, re.DOTALL)]
        for name, rows in zip(groups[::2], groups[1::2], strict=True)
    }


def current(client: Client, url: str) -> list[tuple[str, str]]:
    marked = re.findall(r'aria-current="(\w+)"[^>]*>\s*(.*?)</a>', sidebar(client, url), re.DOTALL)
    return [(kind, text.strip()) for kind, text in marked]


def test_an_administrator_sees_all_groups(li_wei_at_work: Client) -> None:
    assert menu(li_wei_at_work, page("seal_changelist")) == MENU_OF_ALL


def test_an_auditor_sees_no_users_and_a_token_manager_no_seals(db: None) -> None:
    for group, absent in (
        ("Auditors", {"Users", "Groups"}),
        ("Token managers", {"Users", "Groups", "Change log", "Sign-offs", "Integrity", "Seals"}),
    ):
        user = User.objects.create_user(group, is_staff=True)
        user.groups.add(Group.objects.get(name=group))
        client = Client()
        client.force_login(user)
        shown = menu(client, page("officialaccount_changelist"))
        entries = {entry for names in shown.values() for entry in names}
        assert "Accounts" in entries
        assert not entries & absent, group


def test_an_entry_without_a_model_has_the_permission_of_its_page(db: None) -> None:
    assert menu(staff("view_seal"), page("seal_changelist")) == {"Audit": ["Integrity", "Seals"]}
    client = Client()
    client.force_login(someone_who_may("view_changeevent"))
    assert menu(client, page("changeevent_changelist")) == {"Audit": ["Change log", "Sign-offs"]}


def test_every_model_of_the_admin_is_in_the_menu() -> None:
    labels = [
        entry.label for group in MENU for entry in group.entries if isinstance(entry, ModelEntry)
    ]

    assert sorted(labels) == sorted(model._meta.label for model in admin.site._registry)


@pytest.mark.parametrize(
    ("path", "kind", "name"),
    [
        ("verification/changeevent/", "page", "Change log"),
        ("verification/changeevent/{event}/change/", "true", "Change log"),
        ("verification/changeevent/sign-offs/", "page", "Sign-offs"),
        ("verification/changeevent/sign-offs/new/", "true", "Sign-offs"),
        ("verification/seal/integrity/", "page", "Integrity"),
        ("verification/seal/1/change/", "true", "Seals"),
        ("verification/officialaccount/{account}/rotate/", "true", "Accounts"),
        ("verification/verificationattempt/1/change/", "true", "Verification attempts"),
        ("auth/user/", "page", "Users"),
    ],
)
def test_one_entry_is_current_on_each_page_of_its_area(
    on_record: OfficialAccount, li_wei_at_work: Client, path: str, kind: str, name: str
) -> None:
    event = on_record.change_events.latest("id").pk
    url = f"/admin/{path.format(event=event, account=on_record.pk)}"

    assert current(li_wei_at_work, url) == [(kind, name)]


def test_the_way_to_a_page_names_its_group(
    on_record: OfficialAccount, li_wei_at_work: Client
) -> None:
    for url, way in (
        (page("seal_change", 1), ["Home", "Audit", "Seals", "1"]),
        ("/admin/verification/changeevent/sign-offs/", ["Home", "Audit", "Sign-offs"]),
        (page("officialaccount_changelist"), ["Home", "Accounts"]),
        (
            f"/admin/verification/officialaccount/{on_record.pk}/rotate/",
            ["Home", "Accounts", "Brand-A", "Rotate token"],
        ),
    ):
        text = li_wei_at_work.get(url).text.partition('class="breadcrumbs">')[2]
        shown = re.sub(r"<[^>]*>|\s+", " ", text.partition("</div>")[0]).split("&rsaquo;")
        assert [part.strip() for part in shown] == way


def test_an_app_has_no_page_of_its_own(li_wei_at_work: Client) -> None:
    assert li_wei_at_work.get("/admin/verification/").headers["Location"] == "/admin/"
