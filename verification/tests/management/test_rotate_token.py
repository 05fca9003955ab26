from __future__ import annotations

import json
import re
from datetime import UTC, timedelta
from pathlib import Path

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client
from django.utils import timezone

from verification.models import ChangeEvent, OfficialAccount, Token
from verification.tests.support.adapter import A, B
from verification.tests.support.checkout import Checkout, assert_one_sentence
from verification.tests.support.signer import verification
from verification.times import format_datetime

NEW = "NewTokenOfBrandA99"


def status_with(token: str) -> int:
    """Return the status that WeChat gets when it signs with this token."""
    return Client().get(f"/wechat/brand-a?{verification(token)}").status_code


def old_token() -> Token:
    token: Token = Token.objects.filter(superseded_at__isnull=False).latest("id")
    return token


def test_an_operator_reads_what_to_paste_and_where(
    brand_a: OfficialAccount, capsys: pytest.CaptureFixture[str], settings
) -> None:
    settings.PUBLIC_URL = "https://wx.example.cn"
    call_command("rotate_token", "brand-a", token=NEW)
    out, err = capsys.readouterr()

    assert out.splitlines() == [
        "Server URL: https://wx.example.cn/wechat/brand-a",
        f"Token:      {NEW}",
        "Paste the token into WeChat's console (Token) and press Submit (提交).",
        f"Token {old_token()} stays valid until 24 hours after WeChat first uses the new one.",
    ]
    assert err == ""


def test_json_says_until_when_the_previous_tokens_are_valid(
    brand_a: OfficialAccount, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("rotate_token", "brand-a", "--keep-old", "1")
    first = old_token()
    assert first.expires_at is not None
    capsys.readouterr()
    call_command("rotate_token", "brand-a", "--token", NEW, "--json")

    assert json.loads(capsys.readouterr().out) == {
        "slug": "brand-a",
        "name": "Brand-A",
        "platform": "official_account",
        "path": "/wechat/brand-a",
        "url": None,
        "token": NEW,
        "previous_tokens": [
            {"fingerprint": old_token().fingerprint, "expires_at": None},
            {
                "fingerprint": first.fingerprint,
                "expires_at": first.expires_at.astimezone(UTC).isoformat(),
            },
        ],
    }


def test_an_operator_reads_after_a_leak_that_every_earlier_token_has_ended(
    brand_a: OfficialAccount, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("rotate_token", "brand-a", "--keep-old", "0")

    assert capsys.readouterr().out.splitlines()[-1] == (
        "Every previous token has ended: WeChat is refused until you have pasted the new one."
    )


def test_an_operator_reads_of_each_earlier_token_when_it_ends(
    brand_a: OfficialAccount, capsys: pytest.CaptureFixture[str]
) -> None:
    """A token that ends after an hour keeps its end when the next rotation sets none."""
    call_command("rotate_token", "brand-a", "--keep-old", "1")
    first = old_token()
    assert first.expires_at is not None
    call_command("rotate_token", "brand-a")

    assert capsys.readouterr().out.splitlines()[-2:] == [
        f"Token {old_token()} stays valid until 24 hours after WeChat first uses the new one.",
        f"Token {first} ends at {format_datetime(first.expires_at)}, used or not.",
    ]


def test_without_a_token_it_generates_one(
    brand_a: OfficialAccount, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("rotate_token", "brand-a")
    match = re.search(r"Token: +([A-Za-z0-9]{32})\n", capsys.readouterr().out)

    assert match is not None
    assert status_with(match[1]) == 200


def test_a_rotation_that_is_not_followed_up_breaks_nothing(brand_a: OfficialAccount) -> None:
    call_command("rotate_token", "brand-a", token=NEW)

    assert status_with(A) == 200
    assert old_token().expires_at is None


def test_the_old_token_ends_a_day_after_wechat_used_the_new_one(brand_a: OfficialAccount) -> None:
    call_command("rotate_token", "brand-a", token=NEW)
    assert status_with(NEW) == 200
    ends = old_token().expires_at

    assert ends is not None
    assert abs(ends - timezone.now() - timedelta(hours=24)) < timedelta(minutes=1)
    assert status_with(A) == 200
    Token.objects.filter(pk=old_token().pk).update(expires_at=timezone.now())
    assert (status_with(A), status_with(NEW)) == (403, 200)


def test_after_a_leak_the_old_token_ends_at_once(brand_a: OfficialAccount) -> None:
    call_command("rotate_token", "brand-a", "--token", NEW, "--keep-old", "0")

    assert (status_with(A), status_with(NEW)) == (403, 200)


@pytest.mark.parametrize("hours", [1, 24, 168])
def test_a_fixed_end_applies_whether_or_not_the_new_token_is_used(
    brand_a: OfficialAccount, hours: int
) -> None:
    call_command("rotate_token", "brand-a", "--token", NEW, "--keep-old", str(hours))
    assert (status_with(A), status_with(NEW)) == (200, 200)
    ends = old_token().expires_at

    assert ends is not None
    assert abs(ends - timezone.now() - timedelta(hours=hours)) < timedelta(minutes=1)


def test_an_account_without_a_token_gets_its_first(db: None) -> None:
    OfficialAccount.objects.create(slug="brand-a", name="Brand A")
    call_command("rotate_token", "brand-a", token=NEW)

    assert status_with(NEW) == 200
    assert ChangeEvent.objects.get().action == "token_created"


def test_a_token_whose_key_is_lost_can_be_replaced(brand_a: OfficialAccount, settings) -> None:
    settings.TOKEN_ENCRYPTION_KEYS = ["another-key-" * 4]
    call_command("rotate_token", "brand-a", token=NEW)

    assert status_with(NEW) == 200


def test_it_is_in_the_change_log_without_the_token(brand_a: OfficialAccount) -> None:
    call_command("rotate_token", "brand-a", token=NEW)
    event = ChangeEvent.objects.latest("id")

    assert (event.action, event.account) == ("token_rotated", brand_a)
    assert event.token_fingerprint == brand_a.tokens.get(superseded_at=None).fingerprint
    assert event.actor.startswith("command line")
    assert not {A, NEW} & set(map(str, ChangeEvent.objects.values_list("facts", flat=True)))


def test_a_short_token_is_accepted_with_a_warning(
    brand_a: OfficialAccount, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("rotate_token", "brand-a", token="jerry")

    assert capsys.readouterr().err.startswith("Warning: a token of 5 characters can be guessed")
    assert status_with("jerry") == 200


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (["brand-a", "--token", A], "This is the current token already."),
        (["brand-a", "--token", ""], "3 to 32 letters and digits"),
        (["brand-a", "--token", "a" * 33], "3 to 32 letters and digits"),
        (["brand-a", "--token", "新的令牌新的令牌"], "3 to 32 letters and digits"),
        (["brand-a", "--token", f"{NEW} "], "a space or line break in it"),
        (["nobody"], 'There is no account with the slug "nobody".'),
        *(
            (["brand-a", "--keep-old", hours], "whole hours from 0 to 168")
            for hours in ("169", "1.5", "soon", "", "１２", "9" * 5000)
        ),
        (["brand-a", "--keep-old=-1"], "whole hours from 0 to 168"),
    ],
)
def test_what_is_refused_changes_nothing(
    brand_a: OfficialAccount, arguments: list[str], why: str
) -> None:
    events = ChangeEvent.objects.values("id", "facts")  # whose other columns do not change
    before = [*Token.objects.values(), *events]
    with pytest.raises(CommandError) as refusal:
        call_command("rotate_token", *arguments)

    assert why in str(refusal.value)
    assert repr([*Token.objects.values(), *events.all()]) == repr(before)
    assert status_with(A) == 200


def test_two_accounts_can_have_the_same_token(
    brand_a: OfficialAccount, brand_b: OfficialAccount
) -> None:
    call_command("rotate_token", "brand-a", token=B)

    assert status_with(B) == 200


def test_errors_are_one_sentence_and_an_exit_code(
    transactional_db: None, brand_a: OfficialAccount, tmp_path: Path
) -> None:
    checkout = Checkout(tmp_path)
    rotated = checkout.manage_test_database("rotate_token", "brand-a", "--token", NEW)
    again = checkout.manage_test_database("rotate_token", "brand-a", "--token", NEW)
    never = checkout.manage_test_database("rotate_token", "brand-a", "--keep-old", "ever")

    assert (rotated.returncode, rotated.stdout.count(NEW), rotated.stderr) == (0, 1, "")
    assert assert_one_sentence(again).endswith("This is the current token already.")
    assert "--keep-old" in assert_one_sentence(never)
