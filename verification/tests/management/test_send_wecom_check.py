"""send_check calls the server URL of a WeCom app as WeCom does."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from wechatpy.enterprise.crypto import WeChatCrypto

from verification.models import OfficialAccount, VerificationAttempt
from verification.protocol.encryption import decode_aes_key, decrypt_message
from verification.protocol.enums import Kind, Mark, Reason
from verification.tests.support import fake_server
from verification.tests.support.adapter import A, B, last_attempt
from verification.tests.support.admin_client import wecom_verifies
from verification.tests.support.fake_server import AnswerFunction, ok, serving
from verification.tests.support.gunicorn import Gunicorn
from verification.tests.support.messages import AES_KEY, OTHER_AES_KEY
from verification.tests.support.wecom import (
    CORP_ID,
    OTHER_CORP_ID,
    SUITE_ID,
    make_wecom_app,
    store_wecom_key,
)

Output = pytest.CaptureFixture[str]


@pytest.fixture
def wecom(db: None) -> OfficialAccount:
    return make_wecom_app("wecom", A)


def decrypt(echostr: str) -> bytes:
    return decrypt_message(decode_aes_key(AES_KEY), echostr, CORP_ID)


def right(echostr: str) -> Iterator[bytes]:
    yield from ok(decrypt(echostr))


class TestAgainstThisServer:
    @pytest.fixture(autouse=True)
    def own_port(self, gunicorn: Gunicorn, settings: Any) -> None:
        settings.PORT = gunicorn.port

    def test_a_wecom_app_passes_and_the_key_counts_as_unused(
        self, wecom: OfficialAccount, capsys: Output
    ) -> None:
        call_command("send_check", "wecom")
        out, err = capsys.readouterr()

        assert re.search(r"/wechat/wecom passes: 200 and the exact echostr \(19 bytes\) in ", out)
        assert err == ""
        attempt = last_attempt()
        assert (attempt.kind, attempt.account, attempt.status) == (Kind.SELF_TEST, wecom, 200)
        assert attempt.marks & (Mark.HTTP_1_0 | Mark.MSG_SIGNATURE) == Mark.MSG_SIGNATURE
        assert wecom.aes_keys.get().first_used_at is None
        assert wecom.tokens.get().first_used_at is None
        assert not wecom.has_accepted()

    def test_json_has_the_platform(self, wecom: OfficialAccount, capsys: Output) -> None:
        call_command("send_check", "wecom", "--json")
        facts = json.loads(capsys.readouterr().out)

        assert (facts["platform"], facts["passes"], facts["problems"]) == ("wecom", True, [])

    def test_a_suite_is_checked_with_the_corp_id_of_its_provider(
        self, db: None, capsys: Output
    ) -> None:
        make_wecom_app("suite", A, suite_id=SUITE_ID)
        call_command("send_check", "suite")

        assert "/wechat/suite passes" in capsys.readouterr().out

    def test_it_passes_at_the_bare_domain(
        self, wecom: OfficialAccount, gunicorn: Gunicorn, capsys: Output
    ) -> None:
        call_command("send_check", "wecom", "--url", gunicorn.url)

        assert " passes: 200" in capsys.readouterr().out

    def test_another_token_is_refused_and_explained(self, wecom: OfficialAccount) -> None:
        with pytest.raises(CommandError, match="would not pass. It answers 403, not 200"):
            call_command("send_check", "wecom", "--token", B)

        assert last_attempt().reason == Reason.SIGNATURE_MISMATCH

    def test_a_server_with_another_key_refuses_it(
        self, wecom: OfficialAccount, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(
            "verification.accounts.encryption.decode_aes_key",
            lambda _text: decode_aes_key(OTHER_AES_KEY),
        )
        with pytest.raises(CommandError, match="It answers 403"):
            call_command("send_check", "wecom")

        assert last_attempt().reason == Reason.UNDECRYPTABLE_MESSAGE

    @pytest.mark.parametrize("is_json", [False, True])
    def test_a_key_that_does_not_fit_wecoms_own_check_fails(
        self, wecom: OfficialAccount, capsys: Output, is_json: bool
    ) -> None:
        """Zhang Wei has pasted the EncodingAESKey of another app here."""
        assert wecom_verifies(wecom, A, key=OTHER_AES_KEY) == 403
        with pytest.raises(CommandError) as refusal:
            call_command("send_check", "wecom", *(["--json"] if is_json else []))

        sentence = (
            "This test was encrypted with the EncodingAESKey that is stored here, but nothing "
            "that WeCom has sent so far fits that key and the CorpID. Compare the EncodingAESKey "
            "and the CorpID on the account's page with WeCom's console. Until they fit, WeCom's "
            "check is refused."
        )
        assert str(refusal.value).endswith(f"/wechat/wecom would not pass. {sentence}")
        if is_json:
            facts = json.loads(capsys.readouterr().out)
            assert (facts["passes"], facts["problems"]) == (False, [sentence])
        store_wecom_key(wecom, OTHER_AES_KEY)
        call_command("send_check", "wecom")

    def test_a_new_key_passes_while_the_console_has_the_previous_one(
        self, wecom: OfficialAccount, capsys: Output
    ) -> None:
        wecom_verifies(wecom, A)
        store_wecom_key(wecom, OTHER_AES_KEY)
        assert wecom_verifies(wecom, A) == 200
        call_command("send_check", "wecom")

        assert "/wechat/wecom passes" in capsys.readouterr().out

    def test_as_a_mini_program_it_is_called_as_an_official_account(
        self, brand_a: OfficialAccount, capsys: Output
    ) -> None:
        OfficialAccount.objects.update(platform=2)
        call_command("send_check", "brand-a")

        assert last_attempt().marks & Mark.HTTP_1_0
        assert " passes: 200" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (lambda echostr: ok(b'"%s"' % decrypt(echostr)), "The echostr is in quotes."),
        (lambda echostr: ok(b"\xef\xbb\xbf" + decrypt(echostr)), "A byte order mark (BOM) prec"),
        (lambda echostr: ok(decrypt(echostr) + b"\n"), "The echostr has a line break or a blank"),
        (fake_server.right, "It is the echostr as it was sent, still encrypted."),
        (fake_server.as_a_page, "bytes came instead of 19"),
        (fake_server.redirect, "and WeCom follows no redirect."),
    ],
)
def test_an_answer_that_wecom_would_not_accept_is_named(
    wecom: OfficialAccount, answer: AnswerFunction, why: str
) -> None:
    with serving(answer) as server, pytest.raises(CommandError) as refusal:
        call_command("send_check", "wecom", "--url", f"{server.url}/wechat/wecom")

    assert why in str(refusal.value)


def test_an_answer_after_a_second_is_too_late_for_wecom(
    wecom: OfficialAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("verification.self_test.client.WECOM_CHECK_TIMEOUT", 0.1)

    def late(echostr: str) -> Iterator[bytes]:
        yield from fake_server.in_a_moment("")
        yield decrypt(echostr)

    with serving(late) as server, pytest.raises(CommandError, match="WeCom gives up after 0.1 s"):
        call_command("send_check", "wecom", "--url", server.url)


def test_a_chunked_answer_is_fine_for_wecom(wecom: OfficialAccount, capsys: Output) -> None:
    with serving(lambda echostr: fake_server.chunked(decrypt(echostr).decode())) as server:
        call_command("send_check", "wecom", "--url", server.url)

    assert " passes: 200" in capsys.readouterr().out


def test_it_calls_as_wecom_does_and_as_wechatpy_understands(wecom: OfficialAccount) -> None:
    with serving(right) as server:
        call_command("send_check", "wecom", "--url", f"{server.url}/wechat/wecom")
    line, *headers = server.received.decode().splitlines()
    method, target, version = line.split(" ")
    query = {name: values[0] for name, values in parse_qs(urlsplit(target).query).items()}

    assert (method, version) == ("GET", "HTTP/1.1")
    assert [*query] == ["msg_signature", "timestamp", "nonce", "echostr"]
    assert not set("+/") & set(urlsplit(target).query)
    assert {"User-Agent: Mozilla/4.0", "Accept: */*", "Cache-Control: no-cache"} <= set(headers)
    crypto = WeChatCrypto(A, AES_KEY, CORP_ID)
    echostr = crypto.check_signature(
        query["msg_signature"], query["timestamp"], query["nonce"], query["echostr"]
    )
    assert re.fullmatch(r"\d{19}", echostr)


@pytest.mark.parametrize(
    ("key", "corp_id", "why"),
    [
        ("", CORP_ID, "The account has no EncodingAESKey. .* run set_aes_key wecom --key -"),
        (AES_KEY, "", "The account has no CorpID, which each .* set_account --app-id"),
    ],
)
def test_what_the_account_lacks_is_said_in_one_sentence(
    db: None, key: str, corp_id: str, why: str
) -> None:
    make_wecom_app("wecom", A, key=key, corp_id=OTHER_CORP_ID)
    OfficialAccount.objects.update(app_id=corp_id)
    with pytest.raises(CommandError, match=why):
        call_command("send_check", "wecom")

    assert not VerificationAttempt.objects.exists()


def test_the_current_key_encrypts_in_the_middle_of_a_rotation(
    wecom: OfficialAccount, gunicorn: Gunicorn, capsys: Output
) -> None:
    old = wecom.aes_keys.get()
    store_wecom_key(wecom, OTHER_AES_KEY)
    call_command("send_check", "wecom", "--url", gunicorn.url)
    old.refresh_from_db()

    assert " passes: 200" in capsys.readouterr().out
    assert old.expires_at is None  # WeCom has not used the new one.
