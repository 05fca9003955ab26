"""send_push fails where WeChat's own messages would, although the test message passes."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from verification.accounts.rotation import retire
from verification.models import AESKey, Backend, OfficialAccount
from verification.tests.support.accounts import LI_WEI
from verification.tests.support.admin_client import wechat_pushes_encrypted
from verification.tests.support.backend import FakeBackend, set_backend
from verification.tests.support.gunicorn import Gunicorn
from verification.tests.support.messages import AES_KEY, OTHER_AES_KEY, store_aes_key
from verification.tests.support.sent_push import Output, send_push


def send(capsys: Output, *options: str) -> str:
    return send_push(capsys, *options, slug="brand-a")


@pytest.mark.parametrize("has_backend", [True, False])
def test_a_plain_one_fails_where_wechats_own_plain_ones_are_refused(
    gunicorn: Gunicorn,
    brand_a: OfficialAccount,
    backend: FakeBackend,
    settings: Any,
    capsys: Output,
    has_backend: bool,
) -> None:
    settings.PORT = gunicorn.port
    if has_backend:
        set_backend(brand_a, backend.url)
    key = store_aes_key(brand_a, AES_KEY)
    assert "own plain messages" not in send(capsys)
    AESKey.objects.filter(pk=key.pk).update(first_used_at=timezone.now())

    assert send(capsys) == (
        "This plain test message was accepted, but WeChat's own plain messages are refused: "
        "an EncodingAESKey of the account has decrypted messages. Encrypt the test message "
        "as well (send_push --encrypted). If WeChat's console no longer encrypts, retire the "
        "key."
    )
    assert "own plain messages" not in send(capsys, "--encrypted")
    rotated = store_aes_key(brand_a, OTHER_AES_KEY)
    assert "own plain messages are refused" in send(capsys)
    retire(rotated, LI_WEI)
    assert "own plain messages" not in send(capsys)


@pytest.mark.parametrize(
    ("backend_fields", "passed", "advice"),
    [
        (
            None,
            "This server accepts the messages of this account.",
            "Until a message fits, encrypted messages are not checked with the key. The account "
            "has no backend, so nobody gets a reply: set one.",
        ),
        (
            {},
            "The backend took the message and sends no reply.",
            "Until a message fits, encrypted messages are not checked with the key.",
        ),
        (
            {"forwards_decrypted": True},
            "The backend took the message and sends no reply.",
            "Until a message fits, encrypted messages do not reach the backend.",
        ),
    ],
)
def test_an_encrypted_one_fails_while_wechats_own_do_not_fit_the_key(
    gunicorn: Gunicorn,
    brand_a: OfficialAccount,
    backend: FakeBackend,
    settings: Any,
    capsys: Output,
    backend_fields: dict[str, bool] | None,
    passed: str,
    advice: str,
) -> None:
    """Li Wei has pasted the EncodingAESKey of another account here."""
    settings.PORT = gunicorn.port
    if backend_fields is not None:
        set_backend(brand_a, backend.url)
        Backend.objects.update(**backend_fields)
    store_aes_key(brand_a, AES_KEY)
    assert "fits that key" not in send(capsys, "--encrypted")
    wechat_pushes_encrypted(brand_a, OTHER_AES_KEY)

    assert send(capsys, "--encrypted") == (
        f"{passed} This test was encrypted with the EncodingAESKey that is stored here, but "
        "nothing that WeChat has sent so far fits that key and the AppID. Compare the "
        f"EncodingAESKey and the AppID on the account's page with the console. {advice}"
    )
    assert "fits that key" not in send(capsys)
    wechat_pushes_encrypted(brand_a, AES_KEY)
    assert "fits that key" not in send(capsys, "--encrypted")
