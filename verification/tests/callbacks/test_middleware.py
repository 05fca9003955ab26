from __future__ import annotations

import logging.config
from urllib.parse import unquote_to_bytes

import pytest
from django.test import Client
from pytest_django.fixtures import Settings

from verification.callbacks import middleware
from verification.models import OfficialAccount
from verification.tests.callbacks.contract import CallbackContract
from verification.tests.support.adapter import A, Answer, B, last_attempt
from verification.tests.support.log_lines import printed_log_lines
from verification.tests.support.signer import signed, verification


class TestDjangoView(CallbackContract):
    """The middleware, tested through Django's test client."""

    hold_seconds = 0.5

    @pytest.fixture(autouse=True)
    def _client(
        self, db: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        # The transaction of a test may not be idle for long.
        monkeypatch.setattr(middleware, "HOLD_DEADLINE", 1.0)
        # CSRF is enforced, and exceptions become responses, as in a server.
        self.client = Client(enforce_csrf_checks=True, raise_request_exception=False)
        self.caplog = caplog

    def send(
        self, method: str, target: str, headers: dict[str, str] | None = None, body: bytes = b""
    ) -> Answer:
        path, _, query = target.partition("?")
        environ = {
            "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
            "QUERY_STRING": query,
            "HTTP_HOST": "testserver",
            **{
                f"HTTP_{name.upper().replace('-', '_')}": text
                for name, text in (headers or {}).items()
            },
        }
        response = self.client.generic(method, "/", body, "text/xml", **environ)  # type: ignore[arg-type]
        lower = {name.lower(): value for name, value in response.headers.items()}
        return Answer(response.status_code, lower, response.content)

    def printed(self) -> str:
        return self.caplog.text

    def test_log_lines_contain_no_signed_values(
        self, brand_a: OfficialAccount, capfd: pytest.CaptureFixture[str], settings: Settings
    ) -> None:
        logging.config.dictConfig(settings.LOGGING)  # writes the lines of earlier tests
        capfd.readouterr()
        with printed_log_lines():
            for query in (verification(A), verification(B), "signature=0123456789abcdef"):
                self.send("GET", f"/wechat/brand-a?{query}")
        out, err = capfd.readouterr()

        assert out.count('"event": "attempt"') == 3
        for secret in ("signature=", signed(A)["signature"], "4375120948345356249"):
            assert secret not in out + err

    @pytest.mark.parametrize("count", [1, 2])
    def test_forwarded_for_is_read_from_the_right(
        self, brand_a: OfficialAccount, settings: Settings, count: int
    ) -> None:
        settings.TRUSTED_PROXY_COUNT = count
        forwarded = {"X-Forwarded-For": "6.6.6.6, 81.69.103.129, 10.0.0.1"}
        self.send("GET", f"/wechat/brand-a?{verification(A)}", forwarded)

        assert last_attempt().client_ip == {1: "10.0.0.1", 2: "81.69.103.129"}[count]
