"""What the self-test says of servers that answer oddly."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from verification.keys import self_test_key
from verification.protocol.callback import Request, parse_callback
from verification.protocol.enums import Kind
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
    trial = probe_server_url(f"{url}/wechat/brand-a", A, self_test_key())
    return {found.name: found for found in check(trial)}


def results(checks: Checks) -> list[Result]:
    names = ["Reached", "Status", "No redirect", "Body", "Content-Length", "Time"]
    return [checks[name].result for name in names]


def try_answer(answer: AnswerFunction, certificate: Path | None = None) -> Checks:
    with serving(answer, certificate) as server:
        return run(server.url)


def test_a_right_answer_passes_every_check() -> None:
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
def test_an_address_that_wechat_cannot_reach_is_warned_about(
    base: str, result: Result, words: str
) -> None:
    checks = {found.name: found for found in check(Probe(f"{base}/wechat/brand-a?nonce=1", "1"))}

    assert checks["Address"].result is result
    assert words in checks["Address"].sentence


def test_all_is_well_at_a_public_address() -> None:
    answer = Answer(200, b"42", {"content-length": "2"}, 0.1, "42")
    trial = Probe("http://wx.example.cn/", "42", Phase.DONE, answer=answer, seconds=0.1)

    assert worst(check(trial)) is P


@pytest.mark.parametrize(
    ("answer", "found", "name", "words"),
    [
        (fake_server.redirect, [P, F, F, N, P, P], "No redirect", "to https://wx.example.cn/A,"),
        (fake_server.refusing, [P, F, P, N, P, P], "Status", "403, not 200, and says “bad token”"),
        (fake_server.chunked, [P, P, P, P, F, P], "Content-Length", "is chunked"),
        (fake_server.without_length, [P, P, P, P, W, P], "Content-Length", "There is none"),
        (fake_server.as_a_page, [P, P, P, F, P, P], "Body", "25 bytes came instead of 19, be"),
        (fake_server.with_a_mark, [P, P, P, F, P, P], "Body", "A byte order mark (BOM) stands"),
        (fake_server.breaking_off, [P, P, P, F, P, N], "Body", "less came than was announced"),
        (fake_server.nothing, [P, F, N, N, N, N], "Status", "closed without an answer"),
        (fake_server.no_http, [P, F, N, N, N, N], "Status", "No HTTP answer came: SSH-2.0-?[31"),
    ],
)
def test_what_is_wrong_is_named_where_it_is_wrong(
    answer: AnswerFunction, found: list[Result], name: str, words: str
) -> None:
    checks = try_answer(answer)

    assert results(checks) == found
    assert words in checks[name].sentence
    assert worst([*checks.values()]) is (W if F not in found else F)


def test_a_server_that_is_not_there_leaves_the_rest_open() -> None:
    checks = run(f"http://127.0.0.1:{free_port()}")

    assert results(checks) == [F, N, N, N, N, N]
    assert checks["Reached"].sentence.endswith("cannot be reached: connection refused.")


@pytest.mark.parametrize("answer", [fake_server.in_a_moment, fake_server.drop_by_drop])
def test_a_server_that_takes_too_long_fails_in_time(
    monkeypatch: pytest.MonkeyPatch, answer: AnswerFunction
) -> None:
    monkeypatch.setattr(client, "PATIENCE", 0.2)
    started = time.monotonic()
    checks = try_answer(answer)

    assert checks["Time"].result is F
    assert "WeChat gives up after 0.2 s" in checks["Time"].sentence
    assert time.monotonic() - started < 2


def test_a_slow_answer_is_warned_about(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("verification.self_test.checks.SLOW", 0.1)
    checks = try_answer(fake_server.in_a_moment)

    assert results(checks) == [P, P, P, P, P, W]
    assert re.fullmatch(r"\d\.\d s\. From afar that may be too late\.", checks["Time"].sentence)


class TestTLS:
    def test_a_certificate_of_nobodys_stops_it(self, tmp_path: Path) -> None:
        checks = try_answer(fake_server.right, self_signed(tmp_path / "own"))

        assert results(checks) == [P, N, N, N, N, N]
        assert checks["TLS"].result is F
        assert "the certificate is not trusted (self" in checks["TLS"].sentence

    @pytest.mark.parametrize(("days", "result"), [(90, P), (13, W), (-1, F)])
    def test_a_trusted_one_passes_until_it_is_about_to_end(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, days: int, result: Result
    ) -> None:
        certificate = self_signed(tmp_path / "trusted", days=days)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        checks = try_answer(fake_server.right, certificate)

        assert checks["TLS"].result is result
        assert results(checks) == ([P] * 6 if days > 0 else [P, N, N, N, N, N])

    def test_one_for_another_host_stops_it(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        certificate = self_signed(tmp_path / "other", name="127.0.0.9")
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        checks = try_answer(fake_server.right, certificate)

        assert "not valid for '127.0.0.1'" in checks["TLS"].sentence

    def test_a_plain_server_at_an_https_address_stops_it(self, gunicorn: Gunicorn) -> None:
        checks = run(f"https://127.0.0.1:{gunicorn.port}")

        assert (checks["Reached"].result, checks["TLS"].result) == (P, F)
        assert checks["TLS"].sentence.startswith("No secure connection: ")


def test_it_is_told_from_wechats_own_without_a_header() -> None:
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
    """What our own server would take the request for."""
    path, _, query = heard.split(" ")[1].partition("?")
    request = Request("GET", path.encode(), query.encode(), {}, "10.0.0.1", "http", "1.0")
    return parse_callback(request, "brand-a", 0, self_test_key()).kind
