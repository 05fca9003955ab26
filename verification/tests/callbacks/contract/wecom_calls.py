"""URL verifications and pushes of WeCom, and calls that are signed as another platform signs."""

from __future__ import annotations

import base64
from urllib.parse import quote, urlencode

import pytest
from django.utils import timezone

from verification.accounts.aes_keys import rotate_aes_key
from verification.fields import Secret
from verification.models import AESKey, OfficialAccount, Tally, Token, VerificationAttempt
from verification.protocol.encryption import decode_aes_key
from verification.protocol.enums import Kind, Outcome, Platform, Reason
from verification.tests.support.accounts import LI_WEI, make_account
from verification.tests.support.adapter import A, Adapter, Answer, B, last_attempt
from verification.tests.support.backend import FakeBackend, set_backend
from verification.tests.support.messages import AES_KEY, OTHER_AES_KEY
from verification.tests.support.signer import push, signature, verification
from verification.tests.support.vectors import vector_id, vectors
from verification.tests.support.wecom import (
    CORP_ID,
    ECHOSTR,
    OTHER_CORP_ID,
    SUITE_ID,
    encrypt_padded,
    make_wecom_app,
    store_wecom_key,
    wecom_message,
    wecom_push,
    wecom_verification,
)

HELLO = wecom_message("hello")
MINI_PROGRAM = Platform.MINI_PROGRAM.value


class WeComCalls(Adapter):
    def verify_wecom(self, path: str = "/wechat/staff-app", **rest: str) -> Answer:
        return self.send("GET", f"{path}?{wecom_verification(A, **rest)}")

    def push_wecom(self, body_and_query: tuple[bytes, str]) -> tuple[int, bytes]:
        body, query = body_and_query
        answer = self.send("POST", f"/wechat/staff-app?{query}", {"Content-Type": "text/xml"}, body)
        return answer.status, answer.body

    @pytest.mark.parametrize("vector", vectors("wecom_get"), ids=vector_id)
    def test_published_verifications_are_answered_as_published(
        self, db: None, vector: dict[str, str]
    ) -> None:
        make_wecom_app(
            "staff-app",
            vector["token"],
            key=vector["encoding_aes_key"],
            corp_id=vector["receive_id"],
        )
        names = ("msg_signature", "timestamp", "nonce")
        values = {name: vector[name] for name in names} | {"echostr": vector["encrypt"]}
        query = urlencode(values, quote_via=quote)
        answer = self.send("GET", f"/wechat/staff-app?{query}")

        if vector["expect"] == "ok":
            assert (answer.status, answer.body.decode()) == (200, vector["plaintext"])
        else:
            assert answer.status in {400, 403}
            assert last_attempt().outcome == Outcome.REFUSED

    @pytest.mark.parametrize("path", ["/wechat/staff-app", "/wechat/staff-app/", "/"])
    def test_the_decrypted_echostr_is_the_whole_answer(self, db: None, path: str) -> None:
        account = make_wecom_app("staff-app", A)
        answer = self.verify_wecom(path)

        assert (answer.status, answer.body) == (200, ECHOSTR.encode())
        assert answer.headers["content-length"] == "19"
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        attempt = last_attempt()
        assert (attempt.account, attempt.outcome) == (account, Outcome.ACCEPTED)
        assert attempt.kind == Kind.URL_VERIFICATION
        assert Token.objects.get().first_used_at is not None
        assert AESKey.objects.get().first_used_at is not None

    def test_what_was_decrypted_is_not_recorded(self, db: None) -> None:
        make_wecom_app("staff-app", A)
        self.verify_wecom()

        [values] = VerificationAttempt.objects.values_list()
        assert ECHOSTR not in str(values)
        assert ECHOSTR not in self.printed()

    def test_the_three_identical_calls_of_one_save_are_answered_alike(self, db: None) -> None:
        make_wecom_app("staff-app", A)
        target = f"/wechat/staff-app?{wecom_verification(A)}"

        assert {self.send("GET", target).body for _ in range(3)} == {ECHOSTR.encode()}

    def test_an_echostr_is_decoded_once(self, db: None) -> None:
        """A plus is a plus, whether or not it is percent-encoded; a blank never becomes one."""
        make_wecom_app("staff-app", A)
        query = wecom_verification(A)
        while "%2B" not in query:
            query = wecom_verification(A)  # the encryption is random
        calls = {
            query: (200, ECHOSTR.encode()),
            query.replace("%2B", "+"): (200, ECHOSTR.encode()),
            query.replace("%2B", "%20"): (400, b"bad request"),
            query.replace("%2B", "%252B"): (400, b"bad request"),
        }
        for called, expected in calls.items():
            answer = self.send("GET", f"/wechat/staff-app?{called}")
            assert (answer.status, answer.body) == expected, called

    def test_a_suite_is_verified_with_the_corp_id_of_its_provider(self, db: None) -> None:
        make_wecom_app("staff-app", A, suite_id=SUITE_ID)

        assert self.verify_wecom().status == 200
        assert self.push_wecom(wecom_push(A, HELLO, corp_id=SUITE_ID)) == (200, b"success")

    @pytest.mark.parametrize(
        ("rest", "detail"),
        [
            ({"corp_id": OTHER_CORP_ID}, f"receive_id {OTHER_CORP_ID}"),
            ({"corp_id": ""}, "receive_id"),
            ({"key": OTHER_AES_KEY}, "padding|content"),  # random bytes may end like padding
            ({"encrypted": ECHOSTR}, "base64"),
            ({"encrypted": "QUJD"}, "length"),
            ({"encrypted": "QUJDRA=="[:-1]}, "base64"),
            ({"echostr": "<script>alert(1)</script>"}, "body"),
            ({"echostr": ""}, "body"),
            ({"echostr": f'"{ECHOSTR}"'}, "body"),
            ({"echostr": "你好"}, "body"),
        ],
    )
    def test_an_echostr_that_cannot_be_decrypted_gets_the_answer_of_a_wrong_signature(
        self, db: None, rest: dict[str, str], detail: str
    ) -> None:
        make_wecom_app("staff-app", A)
        answer = self.verify_wecom(**rest)

        assert (answer.status, answer.body) == (403, b"bad token")
        assert last_attempt().reason == Reason.UNDECRYPTABLE_MESSAGE
        assert last_attempt().detail in detail.split("|")
        assert Token.objects.get().first_used_at is None

    @pytest.mark.parametrize(
        ("padded", "detail"),
        [
            (b"", "length"),
            (b"r" * 31 + b"\0", "padding"),
            (b"r" * 31 + b"\x21", "padding"),
            (b"r" * 30 + b"\x01\x02", "padding"),
            (b"\x20" * 32, "content"),  # nothing but padding
            (b"r" * 16 + b"\xff\xff\xff\xff" + b"r" * 11 + b"\x01", "content"),
            (b"r" * 16 + b"\0\0\0\0" + b"r" * 11 + b"\x01", "receive_id"),
            (b"\x10" * 16, "content"),
        ],
    )
    def test_a_forger_with_the_key_gets_the_answer_of_a_wrong_signature(
        self, db: None, padded: bytes, detail: str
    ) -> None:
        make_wecom_app("staff-app", A)
        encrypted = encrypt_padded(decode_aes_key(AES_KEY), padded)
        answer = self.verify_wecom(encrypted=encrypted or "QQ==")

        assert (answer.status, answer.body) == (403, b"bad token")
        assert last_attempt().detail.partition(" ")[0] == detail

    def test_a_wrong_signature_is_refused_before_anything_is_decrypted(self, db: None) -> None:
        make_wecom_app("staff-app", B)
        answer = self.verify_wecom(key=OTHER_AES_KEY)

        assert (answer.status, answer.body) == (403, b"bad token")
        assert last_attempt().reason == Reason.SIGNATURE_MISMATCH
        assert AESKey.objects.get().failed_at is None

    def test_without_a_key_nothing_is_answered(self, db: None) -> None:
        make_wecom_app("staff-app", A, key="")

        assert self.verify_wecom().status == 403
        assert last_attempt().reason == Reason.UNDECRYPTABLE_MESSAGE
        assert last_attempt().detail == "no_key"

    def test_a_key_that_cannot_be_decrypted_is_named(self, db: None) -> None:
        make_wecom_app("staff-app", A)
        AESKey.objects.update(secret=Secret("no-ciphertext"))

        assert self.verify_wecom().status == 403
        assert last_attempt().detail == "key_lost"

    def test_the_old_key_answers_until_the_new_one_was_used(self, db: None) -> None:
        account = make_wecom_app("staff-app", A)
        self.verify_wecom()
        store_wecom_key(account, OTHER_AES_KEY)

        assert self.verify_wecom().status == 200
        new, old = AESKey.objects.all()
        assert (new.first_used_at, new.failed_at is not None) == (None, True)
        assert self.verify_wecom(key=OTHER_AES_KEY).status == 200
        old.refresh_from_db()
        assert old.expires_at is not None
        assert old.expires_at > timezone.now()

    def test_a_call_of_another_platform_gets_the_answer_of_a_wrong_signature(
        self, brand_a: OfficialAccount
    ) -> None:
        make_wecom_app("staff-app", A)
        make_account("shop", A, platform=MINI_PROGRAM)
        calls = {
            f"/wechat/staff-app?{verification(A)}": "msg_signature",
            f"/wechat/brand-a?{wecom_verification(A)}": "signature",
            f"/wechat/shop?{wecom_verification(A)}": "signature",
        }
        for target, missing in calls.items():
            answer = self.send("GET", target)
            assert (answer.status, answer.body) == (403, b"bad token"), target
            assert last_attempt().reason == Reason.MISSING_PARAMETER
            assert last_attempt().detail == missing
        assert self.send("GET", f"/wechat/nobody?{wecom_verification(A)}").status == 403
        body, query = wecom_push(A, HELLO)
        assert self.send("POST", f"/wechat/brand-a?{query}", body=body).status == 403
        assert self.send("POST", f"/wechat/staff-app?{push(A)}", body=HELLO).status == 403

    def test_at_the_bare_domain_each_platform_is_compared_with_its_own(
        self, brand_a: OfficialAccount
    ) -> None:
        """The same token in two consoles leads to the account of the platform that calls."""
        assert self.verify_wecom("/").status == 403
        assert last_attempt().reason == Reason.UNKNOWN_ACCOUNT
        staff_app = make_wecom_app("staff-app", A)

        assert self.verify_wecom("/").status == 200
        assert last_attempt().account == staff_app
        assert self.send("GET", f"/?{verification(A)}").status == 200
        assert last_attempt().account == brand_a

    def test_a_push_is_forwarded_as_it_came(self, db: None, backend: FakeBackend) -> None:
        account = make_wecom_app("staff-app", A)
        set_backend(account, backend.url)
        body, query = wecom_push(A, HELLO)

        assert self.push_wecom((body, query))[0] == 200
        assert backend.bodies() == [body]
        assert backend.received[0].target.endswith(query)
        assert Tally.objects.get().kind == Kind.MESSAGE_PUSH

    def test_a_push_whose_message_was_changed_is_refused(
        self, db: None, backend: FakeBackend
    ) -> None:
        account = make_wecom_app("staff-app", A)
        set_backend(account, backend.url)
        body, _query = wecom_push(A, HELLO)
        _body, query = wecom_push(A, wecom_message("other"))

        assert self.push_wecom((body, query)) == (403, b"bad token")
        assert last_attempt().reason == Reason.SIGNATURE_MISMATCH
        assert backend.received == []

    def test_a_push_for_another_company_is_refused_once_the_key_is_proven(self, db: None) -> None:
        make_wecom_app("staff-app", A)
        self.verify_wecom()

        assert self.push_wecom(wecom_push(A, HELLO, corp_id=OTHER_CORP_ID)) == (403, b"bad token")
        assert last_attempt().detail == f"receive_id {OTHER_CORP_ID}"

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            HELLO,
            b'{"encrypt": "QUJD"}',
            b"<xml><Encrypt></Encrypt></xml>",
            b"<xml><Encrypt>QUJD",
            "<xml><Encrypt>好</Encrypt></xml>".encode(),
            b"<xml><Encrypt>" + b"A" * 65_536 + b"</Encrypt></xml>",
            b"A" * 1_100_000,
        ],
        ids=["empty", "plain", "bot", "no text", "cut", "Chinese", "long", "too long to read"],
    )
    def test_a_body_without_an_encrypted_message_is_refused_whoever_is_called(
        self, db: None, body: bytes
    ) -> None:
        make_wecom_app("staff-app", A)
        _body, query = wecom_push(A, HELLO)
        for slug in ("staff-app", "nobody"):
            answer = self.send("POST", f"/wechat/{slug}?{query}", body=body)
            assert (answer.status, answer.body) == (400, b"bad request")
            assert last_attempt().reason == Reason.MALFORMED_PARAMETER
            assert last_attempt().detail == "body"

    @pytest.mark.parametrize(
        ("body", "text"),
        [
            (b'{"Encrypt": {"<xml>": "<Encrypt>QUJD</Encrypt>"}}', "QUJD"),
            (b"<xml><Encrypt>QUJD</Encrypt><Encrypt>QUJE</Encrypt></xml>", "QUJD"),
            (b"<xml><a><Encrypt>QUJD</Encrypt></a><Encrypt >QUJE</Encrypt></xml>", "QUJD"),
            (b'<!DOCTYPE xml [<!ENTITY a "QUJE">]><xml><Encrypt>&a;</Encrypt></xml>', "&a;"),
            (b"<xml><!--<Encrypt>QUJD</Encrypt>--><Encrypt >QUJE</Encrypt></xml>", "QUJD"),
        ],
        ids=["JSON", "twice", "nested", "entity", "comment"],
    )
    def test_a_text_that_a_backend_would_not_find_is_refused_although_it_is_signed(
        self, db: None, backend: FakeBackend, body: bytes, text: str
    ) -> None:
        account = make_wecom_app("staff-app", A)
        set_backend(account, backend.url)
        parameters = {
            "msg_signature": signature(A, "1409659813", "1372623149", text),
            "timestamp": "1409659813",
            "nonce": "1372623149",
        }

        assert self.push_wecom((body, urlencode(parameters))) == (400, b"bad request")
        assert last_attempt().account == account
        assert last_attempt().detail == "body"
        assert backend.received == []

    def test_the_bare_domain_takes_shorter_messages(self, db: None) -> None:
        """There a message is compared with the tokens of up to fifty accounts."""
        make_wecom_app("staff-app", A)
        body, query = wecom_push(A, wecom_message("x" * 8_192))

        assert self.send("POST", f"/?{query}", body=body).status == 400
        assert self.push_wecom((body, query)) == (200, b"success")

    def test_an_id_with_a_blank_is_one_id(self, db: None) -> None:
        """The release before stored what was typed."""
        account = make_wecom_app("staff-app", A)
        OfficialAccount.objects.filter(pk=account.pk).update(app_id=f"{OTHER_CORP_ID} {CORP_ID}")

        assert self.verify_wecom().status == 403
        assert self.verify_wecom(corp_id=OTHER_CORP_ID).status == 403

    def test_an_empty_token_signs_nothing(self, db: None) -> None:
        make_wecom_app("staff-app", A)
        echostr = base64.b64encode(b"r" * 64).decode()
        query = urlencode(
            {
                "msg_signature": signature("", "1409659589", "263014780", echostr),
                "timestamp": "1409659589",
                "nonce": "263014780",
                "echostr": echostr,
            }
        )

        assert self.send("GET", f"/wechat/staff-app?{query}").status == 403
        assert last_attempt().reason == Reason.SIGNATURE_MISMATCH

    def test_a_rotated_token_is_used_by_a_push(self, db: None) -> None:
        account = make_wecom_app("staff-app", A)
        rotate_aes_key(account, OTHER_AES_KEY, LI_WEI)
        self.push_wecom(wecom_push(A, HELLO, key=OTHER_AES_KEY))

        assert AESKey.objects.get(superseded_at=None).first_used_at is not None
        assert account.app_id == CORP_ID
