"""The checks of the self-test, against servers that answer incorrectly."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from verification.keys import self_test_key
from verification.protocol.callback import parse_callback
from verification.protocol.enums import Kind
from verification.protocol.request import Request
from verification.self_test import client
from verification.self_test.checks import Check, Result, check, worst
from verification.self_test.client import Answer, Phase, Probe, probe_server_url, sign_url
from verification.tests.support import fake_server
from verification.tests.support.adapter import A
from verification.tests.support.fake_server import AnswerFunction, self_signed, serving
from verification.tests.support.gunicorn import Gunicorn, free_port

Checks = dict[str, Check]
LOCAL_HOSTS = ["localhost", "127.0.0.1", "[::1]", "10.0.0.7", "192.168.1.20", "gateway.local"]
P, W, F, N = Result.PASSED, Result.WARNED, Result.FAILED, Result.NOT_REACHED


def run(url: str) -> Checks:
    probe = probe_server_url(f"{url}/wechat/brand-a", A, self_test_key())
    return {result.name: result for result in check(probe)}


def results(checks: Checks) -> list[Result]:
    names = ["Reached", "Status", "No redirect", "Body", "Content-Length", "Time"]
    return [checks[name].result for name in names]


def try_answer(answer: AnswerFunction, certificate: Path | None = None) -> Checks:
    with serving(answer, certificate) as server:
        return run(server.url)


def test_a_correct_answer_passes_every_check() -> None:
    checks = try_answer(fake_server.right)

    assert results(checks) == [P] * 6
    assert checks["TLS"].result is Result.NOT_APPLICABLE
    assert checks["Content-Length"].sentence.startswith("It is there (19)")
    assert checks["Address"].sentence.endswith("the address is local to this network.")
    assert worst([*checks.values()]) is W


@pytest.mark.parametrize(
    ("base", "result", "words"),
    [
        ("https://wx.example.cn", P, "It is public"),
        ("http://wx.example.cn:80", P, "It is public"),
        ("https://wx.example.cn:8443", W, "only calls the ports 80 and 443"),
        *((f"http://{host}", W, "local to this network") for host in LOCAL_HOSTS),
    ],
)
def test_an_address_that_wechat_cannot_reach_gets_a_warning(
    base: str, result: Result, words: str
) -> None:
    checks = {result.name: result for result in check(Probe(f"{base}/wechat/brand-a?nonce=1", "1"))}

    assert checks["Address"].result is result
    assert words in checks["Address"].sentence


def test_a_correct_answer_at_a_public_address_passes() -> None:
    answer = Answer(200, b"42", {"content-length": "2"}, 0.1, "42")
    probe = Probe("http://wx.example.cn/", "42", Phase.DONE, answer=answer, seconds=0.1)

    assert worst(check(probe)) is P


@pytest.mark.parametrize(
    ("answer", "expected", "name", "words"),
    [
        (fake_server.redirect, [P, F, F, N, P, P], "No redirect", "to https://wx.example.cn/A,"),
        (fake_server.refusing, [P, F, P, N, P, P], "Status", "403, not 200, and says “bad token”"),
        (fake_server.chunked, [P, P, P, P, F, P], "Content-Length", "is chunked"),
        (fake_server.without_length, [P, P, P, P, W, P], "Content-Length", "It is missing"),
        (fake_server.as_a_page, [P, P, P, F, P, P], "Body", "25 bytes came instead of 19, be"),
        (fake_server.with_a_mark, [P, P, P, F, P, P], "Body", "A byte order mark (BOM) precedes"),
        (fake_server.breaking_off, [P, P, P, F, P, N], "Body", "shorter than its Content-Length"),
        (fake_server.nothing, [P, F, N, N, N, N], "Status", "closed without an answer"),
        (fake_server.no_http, [P, F, N, N, N, N], "Status", "No HTTP answer came: SSH-2.0-?[31"),
    ],
)
def test_the_check_that_a_server_fails_says_why(
    answer: AnswerFunction, expected: list[Result], name: str, words: str
) -> None:
    checks = try_answer(answer)

    assert results(checks) == expected
    assert words in checks[name].sentence
    assert worst([*checks.values()]) is (W if F not in expected else F)


def test_an_unreachable_server_leaves_the_other_checks_open() -> None:
    checks = run(f"http://127.0.0.1:{free_port()}")

    assert results(checks) == [F, N, N, N, N, N]
    assert checks["Reached"].sentence.endswith("cannot be reached: connection refused.")


@pytest.mark.parametrize("answer", [fake_server.in_a_moment, fake_server.drop_by_drop])
def test_a_server_that_takes_too_long_fails_in_time(
    monkeypatch: pytest.MonkeyPatch, answer: AnswerFunction
) -> None:
    monkeypatch.setattr(client, "TIMEOUT", 0.2)
    started = time.monotonic()
    checks = try_answer(answer)

    assert checks["Time"].result is F
    assert "WeChat gives up after 0.2 s" in checks["Time"].sentence
    assert time.monotonic() - started < 2


def test_a_slow_answer_gets_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("verification.self_test.checks.SLOW_SHARE", 0.02)
    checks = try_answer(fake_server.in_a_moment)

    assert results(checks) == [P, P, P, P, P, W]
    assert re.fullmatch(
        r"\d\.\d s\. Over a longer distance, that may be too late\.", checks["Time"].sentence
    )


class TestTLS:
    def test_an_untrusted_certificate_fails(self, tmp_path: Path) -> None:
        checks = try_answer(fake_server.right, self_signed(tmp_path / "own"))

        assert results(checks) == [P, N, N, N, N, N]
        assert checks["TLS"].result is F
        assert "the certificate is not trusted (self" in checks["TLS"].sentence

    @pytest.mark.parametrize(("days", "result"), [(90, P), (13, W), (-1, F)])
    def test_a_trusted_certificate_passes_until_it_is_about_to_end(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: int, result: Result
    ) -> None:
        certificate = self_signed(tmp_path / "trusted", days=days)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        checks = try_answer(fake_server.right, certificate)

        assert checks["TLS"].result is result
        assert results(checks) == ([P] * 6 if days > 0 else [P, N, N, N, N, N])

    def test_a_certificate_for_another_host_fails(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        certificate = self_signed(tmp_path / "other", name="127.0.0.9")
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        checks = try_answer(fake_server.right, certificate)

        assert "not valid for '127.0.0.1'" in checks["TLS"].sentence

    def test_a_plain_server_at_an_https_address_fails(self, gunicorn: Gunicorn) -> None:
        checks = run(f"https://127.0.0.1:{gunicorn.port}")

        assert (checks["Reached"].result, checks["TLS"].result) == (P, F)
        assert checks["TLS"].sentence.startswith("No secure connection: ")


def test_a_self_test_differs_from_wechats_call_without_a_header() -> None:
    with serving(fake_server.right) as server:
        url = f"{server.url}/wechat/brand-a"
        probe_server_url(url, A, self_test_key())
        tested = server.received.decode()
        Probe(*sign_url(url, A)).run()
        played = server.received.decode()

    assert tested.count("\n") == played.count("\n") == 4
    assert kind_of(tested) is Kind.SELF_TEST
    assert kind_of(played) is Kind.URL_VERIFICATION
    assert A not in tested + played


def kind_of(heard: str) -> Kind:
    """Return the kind that this server gives the request."""
    path, _, query = heard.split(" ")[1].partition("?")
    request = Request("GET", path.encode(), query.encode(), {}, "10.0.0.1", "http", "1.0")
    return parse_callback(request, "brand-a", 0, self_test_key()).kind
