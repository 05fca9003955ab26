"""send_push says what a proxy has done to the answer, and does not blame the backend for it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from verification.models import OfficialAccount
from verification.protocol.enums import Reason
from verification.tests.support import fake_server
from verification.tests.support.adapter import A, last_attempt
from verification.tests.support.backend import FakeBackend, set_backend
from verification.tests.support.changing_proxy import changing_proxy
from verification.tests.support.fake_server import ok, serving
from verification.tests.support.gunicorn import Gunicorn
from verification.tests.support.messages import AES_KEY, store_aes_key
from verification.tests.support.wecom import SUITE_ID, make_wecom_app

Output = pytest.CaptureFixture[str]
CHANGES = [
    (lambda body: b'"%s"' % body, "The answer is in quotes."),
    (lambda body: b"'%s'" % body, "The answer is in quotes."),
    (lambda body: b"\xef\xbb\xbf" + body, "A byte order mark (BOM) precedes the answer."),
    (lambda _: b"\n<!DOCTYPE html><title>hi</title>", "A web page came instead of the answer."),
    (lambda body: body + b"!", "8 bytes came instead of the answer, beginning with “success!”."),
]
#: With a backend, these may come from it.
CHANGES_OF_A_PLAIN_ANSWER = [
    (lambda body: body + b"\n", "The answer has a line break or a blank beside it."),
    (lambda _: b"", "An empty answer came instead of “success”."),
    (lambda _: b"<xml><MsgType>text</MsgType></xml>", "A reply came instead of “success”."),
]


def send(capsys: Output, url: str, *options: str, command: str = "send_push") -> str:
    """Return what the command prints, or the sentence with which it fails."""
    try:
        call_command(command, "brand-a", "--url", f"{url}/wechat/brand-a", *options)
    except CommandError as error:
        return f"Failed: {error}"
    return capsys.readouterr().out


@pytest.mark.parametrize(("change", "sentence"), CHANGES + CHANGES_OF_A_PLAIN_ANSWER)
def test_without_a_backend_only_success_passes(
    gunicorn: Gunicorn,
    brand_a: OfficialAccount,
    capsys: Output,
    change: Callable[[bytes], bytes],
    sentence: str,
) -> None:
    with changing_proxy(gunicorn.port, change) as url:
        out = send(capsys, url)

    assert last_attempt().status == 200
    assert out == (
        f"Failed: {sentence} Something in front of this server changed it: check the proxies there."
    )


@pytest.mark.parametrize(("change", "sentence"), CHANGES)
def test_with_a_backend_it_is_not_blamed(
    gunicorn: Gunicorn,
    brand_a: OfficialAccount,
    backend: FakeBackend,
    capsys: Output,
    change: Callable[[bytes], bytes],
    sentence: str,
) -> None:
    set_backend(brand_a, backend.url)
    with changing_proxy(gunicorn.port, change) as url:
        out = send(capsys, url)

    assert len(backend.received) == 1
    assert out.startswith(f"Failed: {sentence} Something in front of this server changed it:")
    assert "backend" not in out


def test_a_line_break_beside_success_may_be_the_backends(
    gunicorn: Gunicorn, brand_a: OfficialAccount, backend: FakeBackend, capsys: Output
) -> None:
    set_backend(brand_a, backend.url)
    with changing_proxy(gunicorn.port, lambda body: body + b"\n") as url:
        out = send(capsys, url)

    assert "The backend, or something in front of this server, adds a line break" in out
    assert not out.startswith("Failed")


def test_an_answer_of_another_server_is_not_called_changed(
    brand_a: OfficialAccount, capsys: Output
) -> None:
    with serving(lambda _: ok(b"<html>hello</html>")) as server:
        out = send(capsys, server.url)

    assert out.startswith("Failed: A web page came instead of the answer. Another server answers,")


def test_a_chunked_answer_would_not_reach_wechat(brand_a: OfficialAccount, capsys: Output) -> None:
    with serving(fake_server.chunked) as server:
        out = send(capsys, server.url)

    assert out.startswith("Failed: The body is chunked, which WeChat's HTTP/1.0 cannot read.")


def test_a_redirect_names_its_target(brand_a: OfficialAccount, capsys: Output) -> None:
    with serving(fake_server.redirect) as server:
        out = send(capsys, server.url)

    assert out.startswith(
        "Failed: It redirects to https://wx.example.cn/A, and WeChat follows no redirect. "
    )


@pytest.mark.parametrize("command", ["send_push", "send_check"])
def test_a_dropped_query_string_is_looked_for_here_as_well(
    gunicorn: Gunicorn, brand_a: OfficialAccount, capsys: Output, command: str
) -> None:
    with changing_proxy(gunicorn.port, target=lambda path: path.partition("?")[0]) as url:
        out = send(capsys, url, command=command)

    assert last_attempt().reason == Reason.MISSING_PARAMETER
    assert out.endswith(
        "No attempt here has its nonce: a proxy may have changed the query string, or answered "
        "itself. Run `manage.py explain_attempt` here and, if it was another server, there."
    )
    call_command("explain_attempt")
    assert "removed the query string" in capsys.readouterr().out


def cut_parameters_of_encryption(target: str) -> str:
    path, _, query = target.partition("?")
    names = ("encrypt_type=", "msg_signature=")
    return f"{path}?{'&'.join(one for one in query.split('&') if not one.startswith(names))}"


def test_parameters_that_a_proxy_cut_are_missed(
    gunicorn: Gunicorn, brand_a: OfficialAccount, capsys: Output
) -> None:
    store_aes_key(brand_a, AES_KEY)
    with changing_proxy(gunicorn.port, target=cut_parameters_of_encryption) as url:
        out = send(capsys, url, "--encrypted")

    assert out.startswith(
        "Failed: The message arrived, but encrypt_type and msg_signature did not: something in "
        "front of this server has cut the query string. Let the proxy pass on everything"
    )


class TestAThirdPartyApp:
    @pytest.fixture(autouse=True)
    def suite(self, gunicorn: Gunicorn, db: None, backend: FakeBackend) -> None:
        self.gunicorn, self.backend = gunicorn, backend
        self.account = make_wecom_app("brand-a", A, suite_id=SUITE_ID)

    @pytest.mark.parametrize(("change", "sentence"), CHANGES + CHANGES_OF_A_PLAIN_ANSWER)
    @pytest.mark.parametrize("has_backend", [False, True])
    def test_only_success_passes(
        self,
        capsys: Output,
        change: Callable[[bytes], bytes],
        sentence: str,
        has_backend: bool,
    ) -> None:
        if has_backend:
            set_backend(self.account, self.backend.url)
        with changing_proxy(self.gunicorn.port, change) as url:
            out = send(capsys, url)

        assert out.startswith("Failed: ")
        if not has_backend or (change, sentence) in CHANGES:
            assert sentence in out
            assert "Let the backend" not in out


def test_the_answer_that_is_expected_passes(
    gunicorn: Gunicorn, brand_a: OfficialAccount, capsys: Output
) -> None:
    with changing_proxy(gunicorn.port) as url:
        assert "This server accepts the messages" in send(capsys, url)


def test_a_token_of_the_command_line_is_explained(
    gunicorn: Gunicorn, brand_a: OfficialAccount, capsys: Output
) -> None:
    out = send(capsys, gunicorn.url, "--token", "AnotherTokenOfBrandA", command="send_check")

    assert "--token may be none of the account's tokens there. Attempt " in out
