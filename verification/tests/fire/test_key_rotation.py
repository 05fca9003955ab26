"""The encryption keys are rotated while everybody calls."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from verification.models import OfficialAccount, Token
from verification.tests.fire.conftest import KeepFigure
from verification.tests.fire.support.scale import scale
from verification.tests.support.accounts import make_account
from verification.tests.support.adapter import B
from verification.tests.support.gunicorn import Gunicorn, running_gunicorn
from verification.tests.support.signer import verification

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]

ACCOUNTS, ROTATIONS, CALLERS = 20, scale(3, 400), 4
OLD, NEW = "the-old-key-of-" * 4, "the-new-key-of-" * 4

Verdicts = Counter[tuple[bool, int]]


def token_of(number: int) -> str:
    return f"TokenOfAccount{number:04}"


def ask(server: Gunicorn, number: int, *, is_right: bool) -> tuple[bool, int]:
    """Whether it was signed rightly, and the answer's status; the echostr is looked at as well."""
    query = verification(token_of(number) if is_right else B)
    request = f"GET /wechat/account-{number}?{query} HTTP/1.0\r\n\r\n"
    head, _, body = server.send(request.encode(), timeout=60).partition(b"\r\n\r\n")
    assert (body == b"4375120948345356249") == (b" 200 " in head)
    return is_right, int(head.split(b" ", 2)[1])


@contextmanager
def traffic(server: Gunicorn) -> Iterator[Verdicts]:
    """Callers who ask without a pause, until the block ends; none gives up over a mistake."""
    verdicts, is_over = Verdicts(), threading.Event()

    def keep_asking(first: int) -> None:
        for turn in count(first):
            if is_over.is_set():
                return
            verdicts[ask(server, turn % ACCOUNTS, is_right=turn % 3 > 0)] += 1

    callers = [threading.Thread(target=keep_asking, args=[it]) for it in range(CALLERS)]
    for caller in callers:
        caller.start()
    try:
        yield verdicts
    finally:
        is_over.set()
        for caller in callers:
            caller.join()


@pytest.fixture
def accounts(transactional_db: None, settings: Any) -> list[OfficialAccount]:
    settings.TOKEN_ENCRYPTION_KEYS = [OLD]
    return [make_account(f"account-{it}", token_of(it)) for it in range(ACCOUNTS)]


Start = Callable[[str], Any]


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """A gunicorn that knows these keys, where that of the other tests has fixed ones."""
    return lambda keys: running_gunicorn(
        tmp_path / "output",
        DJANGO_SETTINGS_MODULE="wechat_gateway.settings",
        TOKEN_ENCRYPTION_KEYS=keys,
    )


def ciphertexts() -> set[str]:
    return {getattr(token.secret, "ciphertext", "") for token in Token.objects.all()}


def test_while_keys_are_rotated_every_verdict_is_right(
    accounts: list[OfficialAccount], start: Start, settings: Any, figure: KeepFigure
) -> None:
    before = ciphertexts()
    with start(f"{NEW},{OLD}") as server, traffic(server) as verdicts:
        for number in range(ROTATIONS):
            settings.TOKEN_ENCRYPTION_KEYS = [OLD, NEW] if number % 2 else [NEW, OLD]
            call_command("rotate_encryption_keys")
        settings.TOKEN_ENCRYPTION_KEYS = [NEW, OLD]
        call_command("rotate_encryption_keys")
    wrong = sum(it for (right, status), it in verdicts.items() if status != (403, 200)[right])
    figure(
        "While rotate_encryption_keys runs under traffic, every verdict is correct",
        target="0 wrong verdicts",
        measured=f"{wrong} wrong of {verdicts.total():,}, over {ROTATIONS + 1} rotations of "
        f"{ACCOUNTS} accounts",
        is_met=wrong == 0,
    )

    assert wrong == 0
    assert verdicts[True, 200]
    assert verdicts[False, 403]
    assert not before & ciphertexts()


def test_afterwards_a_server_needs_the_new_key_alone(
    accounts: list[OfficialAccount], start: Start, settings: Any
) -> None:
    settings.TOKEN_ENCRYPTION_KEYS = [NEW, OLD]
    call_command("rotate_encryption_keys")

    with start(NEW) as server:
        assert {ask(server, it, is_right=True) for it in range(ACCOUNTS)} == {(True, 200)}
