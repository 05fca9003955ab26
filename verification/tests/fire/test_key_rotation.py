"""The encryption keys can be rotated under traffic."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from verification.db.sessions import other_sessions
from verification.models import OfficialAccount, Token
from verification.tests.fire.conftest import RecordFigure
from verification.tests.fire.support.run_length import short_or_long
from verification.tests.support.accounts import make_account
from verification.tests.support.adapter import B
from verification.tests.support.database import end_other_sessions
from verification.tests.support.draining import wait_until
from verification.tests.support.gunicorn import Gunicorn, running_gunicorn
from verification.tests.support.signer import verification

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]

ACCOUNTS, ROTATIONS, CALLERS = 20, short_or_long(3, 400), 4
#: Of the server; each has a session from its start.
WORKERS = 2
OLD, NEW = "the-old-key-of-" * 4, "the-new-key-of-" * 4

Verdicts = Counter[tuple[bool, int]]


def token_of(number: int) -> str:
    return f"TokenOfAccount{number:04}"


def ask(server: Gunicorn, number: int, *, is_right: bool) -> tuple[bool, int]:
    """Send a request signed with the right token or a wrong one.

    Returns `is_right` and the status, and asserts that the body fits the status.
    """
    query = verification(token_of(number) if is_right else B)
    request = f"GET /wechat/account-{number}?{query} HTTP/1.0\r\n\r\n"
    head, _, body = server.send(request.encode(), timeout=60).partition(b"\r\n\r\n")
    assert (body == b"4375120948345356249") == (b" 200 " in head)
    return is_right, int(head.split(b" ", 2)[1])


@contextmanager
def traffic(server: Gunicorn) -> Iterator[Verdicts]:
    """Send requests without pause until the block ends, and count verdicts and statuses."""
    verdicts, is_over = Verdicts(), threading.Event()

    def send_requests(first: int) -> None:
        for number in count(first):
            if is_over.is_set():
                return
            verdicts[ask(server, number % ACCOUNTS, is_right=number % 3 > 0)] += 1

    callers = [threading.Thread(target=send_requests, args=[first]) for first in range(CALLERS)]
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
    end_other_sessions()
    settings.TOKEN_ENCRYPTION_KEYS = [OLD]
    return [make_account(f"account-{number}", token_of(number)) for number in range(ACCOUNTS)]


Start = Callable[[str], Any]


@pytest.fixture
def start(tmp_path: Path) -> Start:
    """Provide a function that starts a gunicorn with the given encryption keys."""
    return lambda keys: running_gunicorn(
        tmp_path / "output",
        DJANGO_SETTINGS_MODULE="wechat_gateway.settings",
        TOKEN_ENCRYPTION_KEYS=keys,
    )


def ciphertexts() -> set[str]:
    return {getattr(token.secret, "ciphertext", "") for token in Token.objects.all()}


def test_while_keys_are_rotated_every_verdict_is_correct(
    accounts: list[OfficialAccount], start: Start, settings: Any, figure: RecordFigure
) -> None:
    before = ciphertexts()
    settings.TOKEN_ENCRYPTION_KEYS = [NEW, OLD]
    with start(f"{NEW},{OLD}") as server, traffic(server) as verdicts:
        wait_until(lambda: len(other_sessions()) >= WORKERS)
        for number in range(ROTATIONS):
            settings.TOKEN_ENCRYPTION_KEYS = [OLD, NEW] if number % 2 else [NEW, OLD]
            call_command("rotate_encryption_keys")
        settings.TOKEN_ENCRYPTION_KEYS = [NEW, OLD]
        call_command("rotate_encryption_keys")
    wrong = sum(
        number
        for (is_right, status), number in verdicts.items()
        if status != (200 if is_right else 403)
    )
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


def test_in_the_wrong_order_it_refuses_and_every_verdict_stays_correct(
    accounts: list[OfficialAccount], start: Start, settings: Any
) -> None:
    before = ciphertexts()
    settings.TOKEN_ENCRYPTION_KEYS = [NEW, OLD]
    with start(OLD) as server:
        server.wait_for("Ready.", times=1)
        with traffic(server) as verdicts, pytest.raises(CommandError) as refusal:
            call_command("rotate_encryption_keys")

    assert "belong to processes that lack the newest key" in str(refusal.value)
    assert ciphertexts() == before
    assert set(verdicts) <= {(True, 200), (False, 403)}


def test_a_server_that_nobody_has_called_yet_is_seen(
    accounts: list[OfficialAccount], start: Start, settings: Any
) -> None:
    settings.TOKEN_ENCRYPTION_KEYS = [NEW, OLD]
    with start(OLD) as server:
        server.wait_for("Ready.", times=1)
        wait_until(lambda: len(other_sessions()) >= WORKERS)
        # The first worker has a second session until it has logged that it is ready.
        with pytest.raises(CommandError, match=r"([23]) of \1 database sessions"):
            call_command("rotate_encryption_keys")


def test_after_the_rotation_a_server_needs_the_new_key_only(
    accounts: list[OfficialAccount], start: Start, settings: Any
) -> None:
    settings.TOKEN_ENCRYPTION_KEYS = [NEW, OLD]
    call_command("rotate_encryption_keys", yes=True)

    with start(NEW) as server:
        answers = {ask(server, number, is_right=True) for number in range(ACCOUNTS)}
    assert answers == {(True, 200)}
