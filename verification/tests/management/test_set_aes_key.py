from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from verification.models import AESKey, ChangeEvent, OfficialAccount
from verification.tests.support.messages import AES_KEY, APP_ID, OTHER_AES_KEY

Output = pytest.CaptureFixture[str]


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Any:
    return lambda text: monkeypatch.setattr("sys.stdin", StringIO(text))


def test_the_key_of_the_console_is_piped_and_not_printed(
    brand_a: OfficialAccount, capsys: Output, typed: Any
) -> None:
    typed(f"{AES_KEY}\n")
    call_command("set_aes_key", "brand-a", key="-", app_id=APP_ID)
    out, err = capsys.readouterr()
    key = AESKey.objects.get()

    assert out == (
        f"Stored the EncodingAESKey of Brand-A (fingerprint {key.fingerprint}, AppID {APP_ID}).\n"
    )
    assert key.holds(AES_KEY)
    assert AES_KEY not in out + err
    assert ChangeEvent.objects.latest("id").actor.startswith("command line")


def test_without_a_key_one_is_generated_and_printed_once(
    brand_a: OfficialAccount, capsys: Output
) -> None:
    call_command("set_aes_key", "brand-a", "--app-id", APP_ID)
    first, second = capsys.readouterr().out.splitlines()

    assert AESKey.objects.get().holds(first.removeprefix("EncodingAESKey: "))
    assert second.startswith("Paste it into WeChat's console (EncodingAESKey)")


def test_the_next_key_needs_no_app_id_and_says_when_the_old_one_ends(
    brand_a: OfficialAccount, capsys: Output
) -> None:
    call_command("set_aes_key", "brand-a", "--key", AES_KEY, "--app-id", APP_ID)
    old = AESKey.objects.get()
    capsys.readouterr()
    call_command("set_aes_key", "brand-a", "--key", OTHER_AES_KEY)
    assert capsys.readouterr().out.splitlines()[1] == (
        f"Key {old.fingerprint} stays valid until 24 hours after the new one has first decrypted a "
        "message."
    )

    call_command("set_aes_key", "brand-a", "--key", AES_KEY, "--keep-old", "0", "--json")
    facts = json.loads(capsys.readouterr().out)
    assert (facts["slug"], facts["app_id"]) == ("brand-a", APP_ID)
    assert facts["previous_keys"] == []
    assert facts["aes_key"] is None


def test_a_key_can_be_retired(brand_a: OfficialAccount, capsys: Output) -> None:
    call_command("set_aes_key", "brand-a", "--key", AES_KEY, "--app-id", APP_ID)
    capsys.readouterr()
    call_command("set_aes_key", "brand-a", "--none")

    assert capsys.readouterr().out.startswith("Retired the EncodingAESKey of Brand-A.")
    assert not AESKey.objects.filter(superseded_at=None).exists()
    with pytest.raises(CommandError, match="^Brand-A has no EncodingAESKey."):
        call_command("set_aes_key", "brand-a", "--none")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"key": AES_KEY}, "Enter the AppID as well"),
        ({"key": AES_KEY, "app_id": "gh_97417a04a28d"}, "This is the original ID"),
        ({"key": f"{AES_KEY}=", "app_id": APP_ID}, "Leave out the “=” at the end"),
        ({"key": AES_KEY, "app_id": APP_ID, "keep_old": "x"}, "--keep-old takes whole hours"),
        ({"key": AES_KEY, "none": True}, "--none retires the key. Leave out the other options."),
        ({"key": "-"}, "--key - reads standard input, which was empty."),
    ],
)
def test_what_cannot_be_stored_is_refused_in_one_sentence(
    brand_a: OfficialAccount, typed: Any, options: dict[str, str], sentence: str
) -> None:
    typed("")
    with pytest.raises(CommandError, match=sentence):
        call_command("set_aes_key", "brand-a", **options)

    assert not AESKey.objects.exists()
