from __future__ import annotations

import io
import json
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.test import Client

from verification.models import ChangeEvent, OfficialAccount, Token
from verification.models.account import MAX_ACCOUNTS_AT_ROOT
from verification.tests.support.adapter import A
from verification.tests.support.checkout import Checkout, assert_one_sentence
from verification.tests.support.signer import verification

TOKEN = "TokenOfTheOldConsole"


def test_an_operator_reads_what_to_enter_in_the_console(
    db: None, settings, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.PUBLIC_URL = "https://wx.example.cn"
    call_command("add_account", "brand-a", token=TOKEN)
    out, err = capsys.readouterr()

    assert out.splitlines() == [
        "Server URL: https://wx.example.cn/wechat/brand-a",
        f"Token:      {TOKEN}",
        "Enter them in WeChat's console and press Submit (提交).",
        "The token is not printed again. People with the permission can reveal it in the admin.",
    ]
    assert err == ""


def test_wechat_can_press_submit_at_once(db: None, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("add_account", "brand-a", "--json")
    added = json.loads(capsys.readouterr().out)
    answer = Client().get(f"{added['path']}?{verification(added['token'])}")

    assert (answer.status_code, answer.content) == (200, b"4375120948345356249")


def test_json_is_one_object_for_a_script(db: None, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("add_account", "brand-a", "--name", "一号店", "--token", TOKEN, "--json")
    out = capsys.readouterr().out

    assert json.loads(out) == {
        "slug": "brand-a",
        "name": "一号店",
        "platform": "official_account",
        "path": "/wechat/brand-a",
        "url": None,
        "app_id": "",
        "suite_id": "",
        "token": TOKEN,
        "aes_key": None,
    }
    assert out.count("\n") == 1
    assert OfficialAccount.objects.get().name == "一号店"


def test_without_a_token_it_generates_one_as_long_as_wechat_accepts(
    db: None, capsys: pytest.CaptureFixture[str]
) -> None:
    tokens = set()
    for slug in ("brand-a", "brand-b"):
        call_command("add_account", slug, "--json")
        tokens.add(json.loads(capsys.readouterr().out)["token"])

    assert len(tokens) == 2
    assert all(re.fullmatch(r"[A-Za-z0-9]{32}", token) for token in tokens)


def test_the_name_is_the_slug_by_default(db: None) -> None:
    call_command("add_account", "brand-a")

    assert OfficialAccount.objects.get().name == "brand-a"


def test_the_token_is_printed_once_and_stored_encrypted(
    db: None, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("add_account", "brand-a", token=TOKEN)
    out, err = capsys.readouterr()
    rows = [*Token.objects.values(), *ChangeEvent.objects.values()]
    secret = Token.objects.get().secret

    assert (out + err).count(TOKEN) == 1
    assert TOKEN not in repr(rows)
    assert secret is not None
    assert TOKEN not in getattr(secret, "ciphertext", TOKEN)


def test_the_change_log_says_who_added_what(db: None) -> None:
    call_command("add_account", "brand-a")
    events = ChangeEvent.objects.order_by("id")

    assert [(event.action, event.account) for event in events] == [
        ("account_created", OfficialAccount.objects.get()),
        ("token_created", OfficialAccount.objects.get()),
    ]
    assert all(event.actor.startswith("command line") for event in events)


def test_without_a_public_url_the_path_is_printed_as_a_path(
    db: None, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("add_account", "brand-a", token=TOKEN)

    assert capsys.readouterr().out.splitlines()[:2] == [
        "Path:       /wechat/brand-a",
        "PUBLIC_URL is not set: put the address of your server in front of this path.",
    ]


@pytest.mark.parametrize("end", ["", "\n", "\r\n", "\nAnotherLine12345"])
def test_a_token_is_read_from_the_first_line_of_standard_input(
    db: None, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"{TOKEN}{end}"))
    call_command("add_account", "brand-a", "--token", "-")

    assert Token.objects.get().holds(TOKEN)


def test_an_empty_standard_input_is_refused(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    with pytest.raises(CommandError, match="standard input, which was empty"):
        call_command("add_account", "brand-a", "--token", "-")

    assert not OfficialAccount.objects.exists()


@pytest.mark.parametrize("token", ["abc", "jerry", "a" * 15])
def test_a_short_token_is_accepted_with_a_warning(
    db: None, capsys: pytest.CaptureFixture[str], token: str
) -> None:
    call_command("add_account", "brand-a", token=token)
    out, err = capsys.readouterr()

    assert f"Token:      {token}" in out
    assert err.startswith(f"Warning: a token of {len(token)} characters can be guessed")
    assert "rotate_token generates 32" in err


@pytest.mark.parametrize(
    ("token", "why"),
    [
        ("", "3 to 32 letters and digits"),
        ("ab", "3 to 32 letters and digits"),
        ("a" * 33, "3 to 32 letters and digits"),
        ("two words here", "a space or line break in it"),
        ("dash-dash-dash", "3 to 32 letters and digits"),
        ("令牌令牌令牌", "3 to 32 letters and digits"),
        ("１２３４５６", "3 to 32 letters and digits"),
        (" TokenWithSpaces", "a space or line break in it"),
        ("TokenWithNewline\n", "a space or line break in it"),
    ],
)
def test_a_token_that_wechat_would_not_accept_is_refused_and_changes_nothing(
    db: None, token: str, why: str
) -> None:
    with pytest.raises(CommandError, match=why):
        call_command("add_account", "brand-a", token=token)

    assert not OfficialAccount.objects.exists()
    assert not Token.objects.exists()
    assert not ChangeEvent.objects.exists()


@pytest.mark.parametrize("slug", ["Brand-A", "brand_a", "店", "a/b", "brand a", "", "brand-a\n"])
def test_a_slug_is_lower_case_letters_digits_and_hyphens(db: None, slug: str) -> None:
    with pytest.raises(CommandError, match="slug: "):
        call_command("add_account", slug, token=TOKEN)

    assert not OfficialAccount.objects.exists()


def test_a_refusal_names_the_wrong_value(db: None) -> None:
    with pytest.raises(CommandError, match=r"^name: Ensure .* at most 100 characters"):
        call_command("add_account", "brand-a", name="n" * 101)
    with pytest.raises(CommandError, match=r"^slug: .* at most 40 characters"):
        call_command("add_account", "a" * 41)


def test_a_slug_is_unique(brand_a: OfficialAccount) -> None:
    with pytest.raises(CommandError, match="already exists"):
        call_command("add_account", "brand-a", token=TOKEN)

    assert brand_a.tokens.count() == 1


def test_the_same_token_on_two_accounts_gets_a_warning(
    brand_a: OfficialAccount, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("add_account", "brand-c", token=A)

    assert '"brand-a" has the same token.' in capsys.readouterr().err


def test_the_fifty_first_account_stays_off_the_root(
    db: None, capsys: pytest.CaptureFixture[str]
) -> None:
    slugs = [f"brand-{number}" for number in range(MAX_ACCOUNTS_AT_ROOT)]
    OfficialAccount.objects.bulk_create(OfficialAccount(slug=slug, name=slug) for slug in slugs)
    call_command("add_account", "one-more", token=TOKEN)

    assert (
        "50 accounts already accept calls at the bare domain, so this one does not."
        in capsys.readouterr().err
    )
    query = verification(TOKEN)
    assert Client().get(f"/?{query}").status_code == 403
    assert Client().get(f"/wechat/one-more?{query}").status_code == 200


def test_errors_are_one_sentence_and_an_exit_code(transactional_db: None, tmp_path: Path) -> None:
    checkout = Checkout(tmp_path)
    added = checkout.manage_test_database("add_account", "jerry", "--token", "jerry")
    again = checkout.manage_test_database("add_account", "jerry", "--token", "jerry")

    assert (added.returncode, added.stdout.count("jerry")) == (0, 2)
    assert added.stderr.startswith("Warning: ")
    assert "already exists" in assert_one_sentence(again)


@pytest.mark.parametrize("name", ["Brand\r\nA", "Brand\u2028A", "Brand\x1b[31mA"])
def test_a_name_with_a_line_break_is_refused(db: None, name: str) -> None:
    with pytest.raises((CommandError, ValidationError), match="line break"):
        call_command("add_account", "brand-a", name=name)

    assert not OfficialAccount.objects.exists()


@pytest.mark.postgresql
def test_accounts_added_at_once_do_not_share_the_last_place_at_the_bare_domain(
    transactional_db: None,
) -> None:
    for number in range(MAX_ACCOUNTS_AT_ROOT - 3):
        OfficialAccount.objects.create(name="Brand", slug=f"brand-{number}")

    def add(number: int) -> None:
        call_command("add_account", f"new-{number}", stdout=io.StringIO(), stderr=io.StringIO())
        connection.close()

    with ThreadPoolExecutor(8) as people:
        list(people.map(add, range(8)))

    assert OfficialAccount.objects.filter(answers_at_root=True).count() == MAX_ACCOUNTS_AT_ROOT
    assert OfficialAccount.objects.count() == MAX_ACCOUNTS_AT_ROOT + 5
