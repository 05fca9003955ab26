from __future__ import annotations

import re

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client

from verification.accounts.tokens import rotate_token
from verification.fields import Secret
from verification.models import ChangeEvent, OfficialAccount, Token
from verification.tests.support.accounts import LI_WEI
from verification.tests.support.adapter import A, B
from verification.tests.support.backend import WEBHOOK_SECRET, set_backend
from verification.tests.support.messages import AES_KEY, OTHER_AES_KEY, store_aes_key
from verification.tests.support.signer import verification

NEW_KEY = "the-new-key-" * 4
OTHER_KEY = "some-other-key-" * 4


def status_with(token: str, slug: str = "brand-a") -> int:
    return Client().get(f"/wechat/{slug}?{verification(token)}").status_code


def ciphertexts() -> set[str]:
    return {getattr(token.secret, "ciphertext", "") for token in Token.objects.all()}


def put_in_front(settings, key: str) -> None:
    settings.TOKEN_ENCRYPTION_KEYS = [key, *settings.TOKEN_ENCRYPTION_KEYS]


def test_with_the_new_key_in_front_nothing_stops_working(
    brand_a: OfficialAccount, settings
) -> None:
    put_in_front(settings, NEW_KEY)

    assert status_with(A) == 200


def test_afterwards_the_new_key_alone_reads_every_token(
    brand_a: OfficialAccount,
    brand_b: OfficialAccount,
    settings,
    capsys: pytest.CaptureFixture[str],
) -> None:
    rotate_token(brand_a, "NewTokenOfBrandA99", LI_WEI)
    before = ciphertexts()
    put_in_front(settings, NEW_KEY)
    call_command("rotate_encryption_keys", yes=True)
    settings.TOKEN_ENCRYPTION_KEYS = [NEW_KEY]

    assert capsys.readouterr().out == (
        "3 tokens are encrypted with the newest key. No secret that is stored needs an older "
        "key; keep those that sealed the log for as long as you want to verify their seals.\n"
    )
    assert not before & ciphertexts()
    assert [status_with(A), status_with("NewTokenOfBrandA99")] == [200, 200]
    assert status_with(B, "brand-b") == 200


def test_the_seals_of_the_old_key_verify_while_it_is_kept(
    brand_a: OfficialAccount, settings, capsys: pytest.CaptureFixture[str]
) -> None:
    status_with(A)
    put_in_front(settings, NEW_KEY)
    call_command("rotate_encryption_keys", yes=True)
    status_with(A)
    call_command("verify_audit")

    assert "2 attempts under 2 seals" in capsys.readouterr().out


def test_it_can_run_again(brand_a: OfficialAccount, settings) -> None:
    put_in_front(settings, NEW_KEY)
    for _ in range(2):
        call_command("rotate_encryption_keys", yes=True)

    assert status_with(A) == 200


def test_a_purged_token_is_left_alone(brand_a: OfficialAccount) -> None:
    rotate_token(brand_a, "NewTokenOfBrandA99", LI_WEI)
    Token.objects.filter(superseded_at__isnull=False).update(secret=None)
    call_command("rotate_encryption_keys", yes=True)

    assert Token.objects.filter(secret=None).count() == 1


def test_without_tokens_there_is_nothing_to_do(
    db: None, capsys: pytest.CaptureFixture[str]
) -> None:
    call_command("rotate_encryption_keys", yes=True)

    assert capsys.readouterr().out.startswith("0 tokens ")


def test_it_is_in_the_change_log(brand_a: OfficialAccount) -> None:
    call_command("rotate_encryption_keys", yes=True)
    event = ChangeEvent.objects.latest("id")

    assert (event.action, event.account) == ("keys_rotated", None)
    assert event.actor.startswith("command line")


def test_a_token_whose_key_is_lost_is_named_and_the_others_are_encrypted(
    brand_a: OfficialAccount, settings
) -> None:
    keys = settings.TOKEN_ENCRYPTION_KEYS
    settings.TOKEN_ENCRYPTION_KEYS = [OTHER_KEY]
    lost = OfficialAccount.objects.create(slug="lost", name="Lost")
    token = rotate_token(lost, "TokenOfTheLostOne", LI_WEI)
    settings.TOKEN_ENCRYPTION_KEYS = [NEW_KEY, *keys]
    with pytest.raises(CommandError) as refusal:
        call_command("rotate_encryption_keys", yes=True)
    settings.TOKEN_ENCRYPTION_KEYS = [NEW_KEY]

    message = str(refusal.value)
    assert f"lost ({token.fingerprint})" in message
    assert "brand-a" not in message
    assert not [key for key in (*keys, NEW_KEY, "TokenOfTheLostOne") if key in message]
    assert status_with(A) == 200


def test_a_token_that_is_purged_meanwhile_stays_purged(
    brand_a: OfficialAccount, settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    rotate_token(brand_a, "NewTokenOfBrandA99", LI_WEI)
    old = brand_a.tokens.get(superseded_at__isnull=False)
    put_in_front(settings, NEW_KEY)
    reencrypt = Secret.reencrypt

    def reencrypt_while_it_is_purged(secret: Secret) -> Secret:
        if secret.reveal() == A:
            Token.objects.filter(pk=old.pk).update(secret=None)
        return reencrypt(secret)

    monkeypatch.setattr(Secret, "reencrypt", reencrypt_while_it_is_purged)
    call_command("rotate_encryption_keys", yes=True)

    old.refresh_from_db()
    assert old.secret is None


def test_keys_of_messages_and_webhook_secrets_are_encrypted_as_well(
    brand_a: OfficialAccount, settings
) -> None:
    store_aes_key(brand_a, AES_KEY)
    store_aes_key(brand_a, OTHER_AES_KEY)
    backend = set_backend(brand_a, "https://crm.example.cn/wechat")
    backend.previous_secret = Secret.of("whsec_previous")
    backend.save()
    put_in_front(settings, NEW_KEY)
    call_command("rotate_encryption_keys", yes=True)
    settings.TOKEN_ENCRYPTION_KEYS = [NEW_KEY]

    backend.refresh_from_db()
    keys = brand_a.aes_keys.order_by("id")
    secrets = [backend.secret, backend.previous_secret, *(key.secret for key in keys)]
    assert [secret.reveal() for secret in secrets if secret] == [
        WEBHOOK_SECRET,
        "whsec_previous",
        AES_KEY,
        OTHER_AES_KEY,
    ]


@pytest.mark.parametrize(
    ("lost", "sentence"),
    [
        ("key", "decrypts the EncodingAESKeys of brand-a ("),
        ("backend", "decrypts the webhook secrets of brand-a: put"),
    ],
)
def test_a_lost_one_of_them_is_named(
    brand_a: OfficialAccount, settings, lost: str, sentence: str
) -> None:
    keys = settings.TOKEN_ENCRYPTION_KEYS
    settings.TOKEN_ENCRYPTION_KEYS = [OTHER_KEY]
    if lost == "key":
        store_aes_key(brand_a, AES_KEY)
    else:
        set_backend(brand_a, "https://crm.example.cn/wechat")
    settings.TOKEN_ENCRYPTION_KEYS = keys

    with pytest.raises(CommandError, match=re.escape(sentence)):
        call_command("rotate_encryption_keys", yes=True)
