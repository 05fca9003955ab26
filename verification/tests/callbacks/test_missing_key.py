"""A server without the right encryption key says so: at /readyz, at start, and once in its log."""

from __future__ import annotations

import logging
import re
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from verification.callbacks.readiness import log_readiness
from verification.callbacks.recording import verify
from verification.models import OfficialAccount, Token
from verification.tests.support.accounts import make_account
from verification.tests.support.adapter import A
from verification.tests.support.callback_factory import make_callback
from verification.tests.support.gunicorn import Gunicorn, free_port, running_gunicorn
from verification.tests.support.lost_keys import lose_key
from verification.tests.support.signer import verification

NO_TOKEN_DECRYPTS = (
    "No stored token can be decrypted. Put the key that encrypted it back behind the newest one "
    "in TOKEN_ENCRYPTION_KEYS, keep the keys that are there, and restart all processes."
)


def readyz(client: Client) -> tuple[int, str]:
    answer = client.get("/readyz")
    return answer.status_code, answer.content.decode()


def test_without_tokens_a_server_is_ready(client: Client, db: None) -> None:
    assert readyz(client) == (200, "ready")


def test_a_server_that_can_decrypt_no_token_is_not_ready(
    client: Client, brand_a: OfficialAccount, brand_b: OfficialAccount
) -> None:
    for account in (brand_a, brand_b):
        lose_key(account)

    assert readyz(client) == (503, NO_TOKEN_DECRYPTS)


def test_a_server_that_can_decrypt_some_tokens_is_ready_and_counts_the_others(
    client: Client, brand_a: OfficialAccount, brand_b: OfficialAccount
) -> None:
    lose_key(brand_a)
    status, text = readyz(client)

    assert status == 200
    assert text.startswith("ready, but 1 of 2 tokens cannot be decrypted. Put the key ")


def test_a_retired_token_without_its_key_does_not_count(
    client: Client, brand_a: OfficialAccount, brand_b: OfficialAccount
) -> None:
    lose_key(brand_a)
    moment = brand_a.created_at
    Token.objects.filter(account=brand_a).update(superseded_at=moment, expires_at=moment)

    assert readyz(client) == (200, "ready")


def test_a_token_without_its_key_is_logged_once_and_names_its_account(
    brand_a: OfficialAccount, caplog: pytest.LogCaptureFixture
) -> None:
    lose_key(brand_a)
    for nonce in range(3):
        verify([make_callback(verification(A, nonce=str(nonce)))])
    lines = [line for line in caplog.messages if "decrypted" in line]

    assert len(lines) == 1
    assert lines[0].startswith('A token of "brand-a" cannot be decrypted. Put the key')


@pytest.mark.parametrize(
    ("lost", "level", "line"),
    [
        ([], logging.INFO, "Ready."),
        (["one"], logging.ERROR, "Ready, but 1 of 2 tokens cannot be decrypted. "),
        (["one", "two"], logging.ERROR, "Not ready: No stored token can be decrypted. "),
    ],
)
def test_what_readyz_answers_is_one_line_of_the_log(
    db: None, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch,
    lost: list[str], level: int, line: str,
) -> None:  # fmt: skip
    for slug in ("one", "two"):
        account = make_account(slug, f"TokenOfAccount{slug.title()}")
        if slug in lost:
            lose_key(account)
    monkeypatch.setattr("verification.callbacks.readiness.connection.close", lambda: None)
    with caplog.at_level(logging.INFO, "verification.callbacks.readiness"):
        log_readiness()

    [record] = caplog.records
    assert record.levelno == level
    assert record.getMessage().startswith(line)


class TestStart:
    """A real gunicorn, with two workers."""

    def test_a_server_with_a_wrong_key_says_so_once_when_it_starts(
        self, transactional_db: None, tmp_path: Path
    ) -> None:
        make_account("brand-a", A)
        with started(tmp_path, TOKEN_ENCRYPTION_KEYS="another-key-" * 4) as server:
            server.wait_for("Not ready: No stored token can be decrypted.", times=1)
            assert server.send(b"GET /healthz HTTP/1.0\r\n\r\n").endswith(b"ok")
        assert readiness_lines(server) == [f"Not ready: {NO_TOKEN_DECRYPTS}"]

    def test_a_server_that_is_ready_says_so_once(
        self, transactional_db: None, tmp_path: Path
    ) -> None:
        with started(tmp_path) as server:
            server.wait_for("Ready.", times=1)
        assert readiness_lines(server) == ["Ready."]

    def test_a_server_starts_without_its_database(self, tmp_path: Path) -> None:
        away = "postgres://gateway@127.0.0.1:1/gateway"
        with started(tmp_path, DATABASE_URL=away) as server:
            server.wait_for("Not ready: The database cannot be reached.", times=1)
            assert server.send(b"GET /healthz HTTP/1.0\r\n\r\n").endswith(b"ok")
            refused = server.send(f"GET /wechat/a?{verification(A)} HTTP/1.0\r\n\r\n".encode())
        assert refused.startswith(b"HTTP/1.1 503")


def started(tmp_path: Path, **environment: str) -> Any:
    # Not the settings of the tests, which set TOKEN_ENCRYPTION_KEYS themselves.
    environment["DJANGO_SETTINGS_MODULE"] = "wechat_gateway.settings"
    return running_gunicorn(tmp_path / "output", port=free_port(), **environment)


def readiness_lines(server: Gunicorn) -> list[str]:
    found = (re.search(r'"message": "((?:Not ready|Ready).*?)"', line) for line in server.lines())
    return [match[1] for match in found if match]
