"""Backends written with the usual libraries for WeChat answer followers through the gateway.

They know nothing of the gateway: they have the token and the EncodingAESKey that WeChat has, and
check the signatures themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from verification.tests.support.accounts import make_account
from verification.tests.support.backend import set_backend
from verification.tests.support.gunicorn import Gunicorn
from verification.tests.support.messages import AES_KEY, APP_ID, store_aes_key
from verification.tests.support.real_backends import TOKEN, node_backend, wechatpy_backend
from verification.tests.support.wechat import Mode, WeChat

Start = Callable[[Path, int], AbstractContextManager[str]]


@pytest.fixture(
    params=[
        pytest.param(wechatpy_backend, id="wechatpy"),
        pytest.param(node_backend, id="node", marks=pytest.mark.node),
    ]
)
def backend_url(request: pytest.FixtureRequest, tmp_path: Path, backend_port: int) -> Iterator[str]:
    start: Start = request.param
    with start(tmp_path, backend_port) as url:
        yield url


def test_a_followers_message_gets_the_backends_reply_in_each_encryption_mode(
    backend_url: str, gunicorn: Gunicorn
) -> None:
    account = make_account("brand-a", TOKEN, app_id=APP_ID)
    set_backend(account, backend_url)
    wechat = WeChat(f"{gunicorn.url}/wechat/brand-a", TOKEN)

    for number, mode in enumerate(Mode):
        answer = wechat.push("你们几点开门？", f"2469031386123456{number}", mode)

        assert wechat.read_reply(answer) == "Thank you!"
        assert (b"<Encrypt>" in answer.body) is (mode is not Mode.PLAIN)

    # It makes no difference to the backend whether the gateway can read the message.
    store_aes_key(account, AES_KEY)
    answer = wechat.push("你们几点开门？", "24690313861234563", Mode.SECURITY)
    assert wechat.read_reply(answer) == "Thank you!"


def test_a_library_takes_a_decrypted_message_for_one_of_the_plain_mode(
    backend_url: str, gunicorn: Gunicorn
) -> None:
    """It checks WeChat's signature of the query string, and replies with a plain message."""
    account = make_account("brand-a", TOKEN, app_id=APP_ID)
    store_aes_key(account, AES_KEY)
    set_backend(account, backend_url, forwards_decrypted=True)
    wechat = WeChat(f"{gunicorn.url}/wechat/brand-a", TOKEN)

    for number, mode in enumerate([Mode.COMPATIBLE, Mode.SECURITY]):
        answer = wechat.push("你们几点开门？", f"2469031386123457{number}", mode)

        assert wechat.read_reply(answer) == "Thank you!"
        assert b"<Encrypt>" in answer.body


def test_the_backend_itself_refuses_what_is_not_signed_with_the_token(backend_url: str) -> None:
    """This is why an account moves to the gateway with the token that WeChat has."""
    for mode in Mode:
        answer = WeChat(backend_url, "TokenOfBrandB5678").push("转账", "24690313861234569", mode)

        assert answer.status == 401
