from __future__ import annotations

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client

from verification.accounts.editing import save_changes
from verification.accounts.pausing import pause
from verification.models import ChangeEvent, OfficialAccount
from verification.models.account import MAX_ACCOUNTS_AT_ROOT
from verification.tests.support.accounts import LI_WEI
from verification.tests.support.adapter import A
from verification.tests.support.admin_client import call
from verification.tests.support.messages import APP_ID
from verification.tests.support.signer import verification

Output = pytest.CaptureFixture[str]


def test_the_change_log_has_the_old_and_the_new_values(
    brand_a: OfficialAccount, capsys: Output
) -> None:
    options = ["--name", "一号店", "--app-id", APP_ID, "--notes", ""]
    call_command("set_account", "brand-a", *options)
    event = ChangeEvent.objects.latest("id")

    assert event.action == "account_changed"
    assert event.facts == {"changes": {"name": ["Brand-A", "一号店"], "app_id": ["", APP_ID]}}
    assert event.actor.startswith("command line")
    assert capsys.readouterr().out == "Changed name, AppID of 一号店.\n"


def test_every_setting_can_be_changed(brand_a: OfficialAccount, settings, capsys: Output) -> None:
    settings.PUBLIC_URL = "https://wx.example.cn"
    options = ["--original-id=gh_1", "--new-slug=dian", "--at-root=no", "--notes=Ask Wang Fang."]
    call_command("set_account", "brand-a", *options)
    account = OfficialAccount.objects.get()

    assert (account.original_id, account.slug) == ("gh_1", "dian")
    assert (account.answers_at_root, account.notes) == (False, "Ask Wang Fang.")
    assert Client().get(f"/wechat/dian?{verification(A)}").status_code == 200
    assert Client().get(f"/?{verification(A)}").status_code == 403
    assert "Server URL: https://wx.example.cn/wechat/dian" in capsys.readouterr().out


def test_the_slug_of_an_account_that_was_called_cannot_change(brand_a: OfficialAccount) -> None:
    call("/wechat/brand-a", A)
    call_command("set_account", "brand-a", "--new-slug", "brand-a", "--name", "Brand 1")
    with pytest.raises(CommandError, match="the server URL of Brand 1 has been called"):
        call_command("set_account", "brand-a", "--new-slug", "dian")

    assert OfficialAccount.objects.get().slug == "brand-a"


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ([], "Name at least one setting"),
        (["--name", " "], r"^name: This field is required"),
        (["--name", "n" * 101], r"^name: Ensure .* at most 100 characters"),
        (["--new-slug", "Dian"], r"^slug: Use 1 to 40 lower-case letters"),
        (["--new-slug", "brand-b"], r"^slug: .* already exists"),
        (["--app-id", "a" * 41], r"^app_id: Ensure .* at most 40 characters"),
    ],
)
def test_what_the_admin_refuses_is_refused_and_changes_nothing(
    brand_a: OfficialAccount, brand_b: OfficialAccount, options: list[str], why: str
) -> None:
    before = [*OfficialAccount.objects.values()]
    with pytest.raises(CommandError, match=why):
        call_command("set_account", "brand-a", *options)

    assert [*OfficialAccount.objects.values()] == before
    assert not ChangeEvent.objects.filter(action="account_changed").exists()


def test_a_fifty_first_account_at_the_bare_domain_is_refused(brand_a: OfficialAccount) -> None:
    call_command("set_account", "brand-a", "--at-root", "no")
    slugs = [f"outlet-{number}" for number in range(MAX_ACCOUNTS_AT_ROOT)]
    OfficialAccount.objects.bulk_create(OfficialAccount(slug=slug, name=slug) for slug in slugs)
    with pytest.raises(CommandError, match="^answers_at_root: 50 accounts already"):
        call_command("set_account", "brand-a", "--at-root", "yes")
    call_command("set_account", "brand-a", "--name", "Brand 1")

    assert not OfficialAccount.objects.get(slug="brand-a").answers_at_root


def test_what_is_so_already_is_said_and_not_recorded(
    brand_a: OfficialAccount, capsys: Output
) -> None:
    call_command("set_account", "brand-a", "--name", "Brand-A", "--at-root", "yes")

    assert "has these settings already; nothing was changed." in capsys.readouterr().out
    assert not ChangeEvent.objects.filter(action="account_changed").exists()


def test_an_account_that_is_paused_meanwhile_stays_paused(brand_a: OfficialAccount) -> None:
    read_before = OfficialAccount.objects.get()
    pause(brand_a, LI_WEI)
    read_before.name = "Brand 1"

    assert save_changes(read_before, ["name"], LI_WEI) == ["name"]
    assert OfficialAccount.objects.get().is_paused
