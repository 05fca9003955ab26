"""What every adapter must do with a callback. Subclasses say how a request is sent."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from verification.audit import verify_audit
from verification.models import OfficialAccount, Tally, VerificationAttempt
from verification.models.token import rotate_token
from verification.protocol.words import Kind, Outcome, Reason
from verification.tests.conftest import make_account
from verification.tests.signer import SEED, own_nonce, push, signed, verification

A = "TokenOfBrandA1234"
B = "TokenOfBrandB5678"
FIXED_BODIES = {b"bad token", b"bad request", b"method not allowed", b"success", b"try again"}


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]  #: lower-case names
    body: bytes


def last_attempt() -> VerificationAttempt:
    attempt = VerificationAttempt.objects.order_by("id").last()
    assert attempt is not None
    return attempt


class CallbackContract:
    def send(
        self, method: str, target: str, headers: dict[str, str] | None = None, body: bytes = b""
    ) -> Answer:
        """`target` is a path and query string, percent-encoded."""
        raise AssertionError("a subclass sends")

    # --- Accepting

    @pytest.mark.parametrize("path", ["/wechat/brand-a", "/wechat/brand-a/", "/"])
    def test_signed_echostr_comes_back_byte_for_byte(
        self, brand_a: OfficialAccount, path: str
    ) -> None:
        answer = self.send("GET", f"{path}?{verification(A, echostr='18221983235484218331')}")

        assert (answer.status, answer.body) == (200, b"18221983235484218331")
        assert last_attempt().account == brand_a

    def test_the_seed_request_passes_and_any_other_digit_does_not(self, db: None) -> None:
        make_account("jerry", "jerry")
        query = "&".join(f"{name}={value}" for name, value in SEED.items())

        assert self.send("GET", f"/?{query}").body == b"16168327802220428137"
        assert self.send("GET", f"/wechat/jerry?{query}").body == b"16168327802220428137"
        for changed in ("timestamp=1512810826", "nonce=384289188", "signature=196abd439b41"):
            name, _, value = changed.partition("=")
            tampered = query.replace(f"{name}={SEED[name][: len(value)]}", changed)
            answer = self.send("GET", f"/?{tampered}")
            assert (answer.status, answer.body) == (403, b"bad token"), changed

    def test_a_reply_is_plain_text_that_no_browser_runs(self, brand_a: OfficialAccount) -> None:
        headers = self.send("GET", f"/wechat/brand-a?{verification(A)}").headers

        assert headers["content-type"] == "text/plain; charset=utf-8"
        assert headers["content-length"] == "19"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["cache-control"] == "no-store"
        assert headers["content-security-policy"] == "default-src 'none'; sandbox"
        assert not {"transfer-encoding", "set-cookie", "location", "vary"} & headers.keys()

    def test_message_push_is_answered_success_and_only_tallied(
        self, brand_a: OfficialAccount
    ) -> None:
        answer = self.send("POST", f"/wechat/brand-a?{push(A)}", body=b"<xml>hello</xml>")

        assert (answer.status, answer.body) == (200, b"success")
        assert not VerificationAttempt.objects.exists()
        counted = Tally.objects.get()
        assert (counted.kind, counted.outcome, counted.count) == (
            Kind.MESSAGE_PUSH,
            Outcome.ACCEPTED,
            1,
        )

    def test_safe_mode_push_is_authenticated_by_its_signature(
        self, brand_a: OfficialAccount
    ) -> None:
        query = push(A) + "&encrypt_type=aes&msg_signature=" + "0" * 40
        answer = self.send("POST", f"/wechat/brand-a?{query}", body=b"<xml/>")

        assert answer.body == b"success"

    def test_a_body_of_one_megabyte_is_read_and_forgotten(self, brand_a: OfficialAccount) -> None:
        answer = self.send("POST", f"/wechat/brand-a?{push(A)}", body=b"x" * 1_048_576)

        assert answer.body == b"success"

    def test_order_and_extra_parameters_do_not_matter(self, brand_a: OfficialAccount) -> None:
        extra = "&".join(f"p{number}=1" for number in range(2000))
        answer = self.send("GET", f"/wechat/brand-a?{extra}&{verification(A)}&wechat_official")

        assert answer.status == 200

    def test_echostr_may_hold_base64(self, brand_a: OfficialAccount) -> None:
        answer = self.send("GET", f"/wechat/brand-a?{verification(A, echostr='a+b/c==')}")

        assert answer.body == b"a+b/c=="

    def test_the_same_request_may_come_again(self, brand_a: OfficialAccount) -> None:
        target = f"/wechat/brand-a?{verification(A)}"

        assert [self.send("GET", target).status for _ in range(3)] == [200, 200, 200]

    def test_old_and_new_token_both_pass_during_a_rotation(self, brand_a: OfficialAccount) -> None:
        rotate_token(brand_a, "NewTokenOfBrandA99", actor="li.wei")

        for token in (A, "NewTokenOfBrandA99"):
            assert self.send("GET", f"/wechat/brand-a?{verification(token)}").status == 200
        assert last_attempt().token == brand_a.tokens.get(superseded_at=None)

    # --- Testing ourselves

    def self_test(self, token: str) -> Answer:
        return self.send("GET", f"/wechat/brand-a?{verification(token, nonce=own_nonce())}")

    def test_a_proved_self_test_is_answered_and_recorded_as_one(
        self, brand_a: OfficialAccount
    ) -> None:
        answer = self.self_test(A)

        assert (answer.status, answer.body) == (200, b"4375120948345356249")
        assert (last_attempt().kind, Tally.objects.get().kind) == (Kind.SELF_TEST,) * 2
        assert verify_audit().problems == []

    def test_a_self_test_is_refused_like_any_other_attempt(self, brand_a: OfficialAccount) -> None:
        answer = self.self_test(B)

        assert (answer.status, answer.body) == (403, b"bad token")
        assert (last_attempt().kind, last_attempt().reason) == (
            Kind.SELF_TEST,
            Reason.SIGNATURE_MISMATCH,
        )

    def test_a_self_test_is_no_use_of_a_token(self, brand_a: OfficialAccount) -> None:
        new = rotate_token(brand_a, "NewTokenOfBrandA99", actor="li.wei")
        used = brand_a.tokens.exclude(first_used_at=None)
        ending = brand_a.tokens.exclude(expires_at=None)
        assert self.self_test("NewTokenOfBrandA99").status == 200
        assert not used.exists()
        assert not ending.exists()

        self.send("GET", f"/wechat/brand-a?{verification('NewTokenOfBrandA99')}")
        assert used.get() == new
        assert ending.exists()

    def test_a_forged_self_test_is_taken_for_wechat(self, brand_a: OfficialAccount) -> None:
        forged = own_nonce(key=b"another key")
        self.send("GET", f"/wechat/brand-a?{verification(A, nonce=forged)}")

        assert (last_attempt().kind, last_attempt().status) == (Kind.URL_VERIFICATION, 200)

    def test_a_push_is_a_push_whatever_it_proves(self, brand_a: OfficialAccount) -> None:
        self.send("POST", f"/wechat/brand-a?{push(A, nonce=own_nonce())}")

        assert Tally.objects.get().kind == Kind.MESSAGE_PUSH

    # --- Refusing

    @pytest.mark.parametrize(
        ("slug", "reason"),
        [
            ("brand-a", Reason.SIGNATURE_MISMATCH),
            ("nobody", Reason.UNKNOWN_ACCOUNT),
            ("resting", Reason.PAUSED_ACCOUNT),
            ("empty", Reason.NO_TOKEN),
        ],
    )
    def test_refusals_look_alike_and_their_reasons_are_on_record(
        self, brand_a: OfficialAccount, slug: str, reason: Reason
    ) -> None:
        make_account("resting", "TokenOfTheResting", is_paused=True)
        make_account("empty")
        answer = self.send("GET", f"/wechat/{slug}?{verification(B)}")

        assert (answer.status, answer.body) == (403, b"bad token")
        varying = {"date", "connection", "server"}
        assert {name: text for name, text in answer.headers.items() if name not in varying} == {
            "content-type": "text/plain; charset=utf-8",
            "content-length": "9",
            "x-content-type-options": "nosniff",
            "cache-control": "no-store",
            "content-security-policy": "default-src 'none'; sandbox",
        }
        assert last_attempt().reason == reason

    def test_a_paused_account_is_refused_though_its_signature_is_right(self, db: None) -> None:
        make_account("resting", "TokenOfTheResting", is_paused=True)

        for path in ("/wechat/resting", "/"):
            assert self.send("GET", f"{path}?{verification('TokenOfTheResting')}").status == 403
            assert last_attempt().reason == Reason.PAUSED_ACCOUNT

    def test_an_account_that_stays_off_the_root_is_not_tried_there(self, db: None) -> None:
        make_account("shy", "TokenOfTheShyOne", answers_at_root=False)

        assert self.send("GET", f"/?{verification('TokenOfTheShyOne')}").status == 403
        assert self.send("GET", f"/wechat/shy?{verification('TokenOfTheShyOne')}").status == 200

    def test_an_empty_token_matches_nothing(self, brand_a: OfficialAccount) -> None:
        for path in ("/wechat/brand-a", "/wechat/nobody", "/"):
            assert self.send("GET", f"{path}?{verification('')}").status == 403
        exploit = "signature=da39a3ee5e6b4b0d3255bfef95601890afd80709&echostr=x&timestamp=&nonce="
        assert self.send("GET", f"/wechat/brand-a?{exploit}").status == 400

    def test_another_accounts_token_is_refused(
        self, brand_a: OfficialAccount, brand_b: OfficialAccount
    ) -> None:
        assert self.send("GET", f"/wechat/brand-a?{verification(B)}").status == 403
        assert last_attempt().account == brand_a

    @pytest.mark.parametrize("name", ["signature", "timestamp", "nonce", "echostr"])
    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            ("drop", Reason.MISSING_PARAMETER),
            ("repeat", Reason.REPEATED_PARAMETER),
            ("empty", Reason.MALFORMED_PARAMETER),
            ("nul", Reason.MALFORMED_PARAMETER),
            ("bad-utf8", Reason.MALFORMED_PARAMETER),
            ("wide-digits", Reason.MALFORMED_PARAMETER),
            ("newline", Reason.MALFORMED_PARAMETER),
            ("8k", Reason.MALFORMED_PARAMETER),
            ("html", Reason.MALFORMED_PARAMETER),
        ],
    )
    def test_what_a_needed_parameter_must_not_be(
        self, brand_a: OfficialAccount, name: str, change: str, reason: Reason
    ) -> None:
        parts = dict(part.split("=") for part in verification(A).split("&"))
        value = parts.pop(name)
        changed = {
            "drop": "",
            "repeat": f"{name}={value}&{name}={value}",
            "empty": f"{name}=",
            "nul": f"{name}={value}%00",
            "bad-utf8": f"{name}={value}%ff%c3",
            "wide-digits": f"{name}=%EF%BC%91%EF%BC%92",
            "newline": f"{name}={value}%0a",
            "8k": f"{name}={'7' * 8192}",
            "html": f"{name}=%3Cscript%3Ealert(1)%3C/script%3E",
        }[change]
        if name == "nonce" and change == "html":
            reason = Reason.SIGNATURE_MISMATCH  # printable: WeChat may send it
        rest = "&".join(f"{key}={text}" for key, text in parts.items())
        answer = self.send("GET", f"/wechat/brand-a?{changed}&{rest}")

        assert answer.status == (403 if reason is Reason.SIGNATURE_MISMATCH else 400)
        assert answer.body in FIXED_BODIES
        attempt = last_attempt()
        assert (attempt.reason, attempt.account) == (reason, brand_a)
        assert attempt.detail == ("" if answer.status == 403 else name)

    @pytest.mark.parametrize("length", [39, 41])
    def test_a_signature_has_forty_digits(self, brand_a: OfficialAccount, length: int) -> None:
        query = verification(A).replace(signed(A)["signature"], "a" * length)

        assert self.send("GET", f"/wechat/brand-a?{query}").status == 400
        assert last_attempt().signature is None

    def test_an_upper_case_signature_is_malformed(self, brand_a: OfficialAccount) -> None:
        right = signed(A)["signature"]
        answer = self.send(
            "GET", f"/wechat/brand-a?{verification(A).replace(right, right.upper())}"
        )

        assert answer.status == 400

    @pytest.mark.parametrize("path", ["/wechat/brand-a", "/wechat/nobody", "/wechat", "/wechat/"])
    @pytest.mark.parametrize("method", ["HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
    def test_other_methods_are_refused_and_recorded(
        self, brand_a: OfficialAccount, method: str, path: str
    ) -> None:
        answer = self.send(method, f"{path}?{verification(A)}")

        assert (answer.status, answer.headers["allow"]) == (405, "GET, POST")
        attempt = last_attempt()
        assert (attempt.reason, attempt.get_method_display()) == (Reason.METHOD_NOT_ALLOWED, method)

    @pytest.mark.parametrize(
        "slug",
        [
            "Brand-A",
            "brand-a%00",
            "brand-a%0a",
            "brand%C3%A9",
            "%ff",
            "a" * 41,
            "a/b",
            "..",
            "%2e%2e/x",
        ],
    )
    def test_odd_slugs_are_unknown_accounts(self, brand_a: OfficialAccount, slug: str) -> None:
        answer = self.send("GET", f"/wechat/{slug}?{verification(A)}")

        assert (answer.status, answer.body) == (403, b"bad token")
        assert last_attempt().reason == Reason.UNKNOWN_ACCOUNT

    def test_a_browser_that_opens_a_server_url_gets_bad_request(
        self, brand_a: OfficialAccount
    ) -> None:
        answer = self.send("GET", "/wechat/brand-a")

        assert (answer.status, answer.body) == (400, b"bad request")
        assert (last_attempt().reason, last_attempt().detail) == (
            Reason.MISSING_PARAMETER,
            "signature",
        )

    def test_a_browser_at_the_root_gets_the_landing_page(self, db: None) -> None:
        answer = self.send("GET", "/")

        assert answer.status == 200
        assert answer.headers["content-type"].startswith("text/html")
        assert not VerificationAttempt.objects.exists()

    def test_a_foreign_host_is_answered_like_any_other(self, brand_a: OfficialAccount) -> None:
        answer = self.send("GET", f"/wechat/brand-a?{verification(A)}", {"Host": "evil.example"})

        assert answer.status == 200
        assert last_attempt().host == "evil.example"

    # --- Recording

    def test_everything_that_was_sent_is_on_record(self, brand_a: OfficialAccount) -> None:
        headers = {
            "User-Agent": "Mozilla/4.0",
            "X-Request-ID": "5d0c2f1e-8f4a-4c67-9d1c-0a2b3c4d5e6f",
        }
        self.send("GET", f"/wechat/brand-a?{verification(A, nonce='n-1')}", headers)
        attempt = last_attempt()

        assert (attempt.path_slug, attempt.nonce, attempt.user_agent) == (
            "brand-a",
            "n-1",
            "Mozilla/4.0",
        )
        assert str(attempt.request_id) == headers["X-Request-ID"]
        assert bytes(attempt.signature or b"").hex() == signed(A, nonce="n-1")["signature"]
        assert (attempt.clock_skew or 0) > 1_000_000
        assert (attempt.occurrences, attempt.status) == (1, 200)
        assert attempt.duration > 0

    def test_an_endless_user_agent_is_cut(self, brand_a: OfficialAccount) -> None:
        self.send("GET", f"/wechat/brand-a?{verification(A)}", {"User-Agent": "x" * 5000})

        assert last_attempt().user_agent == "x" * 199 + "~"

    def test_every_answer_is_tallied_and_the_chain_holds(
        self, brand_a: OfficialAccount, brand_b: OfficialAccount
    ) -> None:
        for query in (verification(A), verification(B), "signature=1", verification(A)):
            self.send("GET", f"/wechat/brand-a?{query}")
        self.send("POST", f"/wechat/brand-b?{push(B)}")
        self.send("POST", f"/wechat/brand-b?{push(A)}")

        assert sum(tally.count for tally in Tally.objects.all()) == 6
        assert VerificationAttempt.objects.count() == 5
        assert verify_audit().problems == []
