"""The checks of the required parameters."""

from __future__ import annotations

import pytest

from verification.models import OfficialAccount
from verification.protocol.enums import Reason
from verification.tests.support.adapter import A, Adapter, last_attempt
from verification.tests.support.signer import signed, verification

FIXED_BODIES = {b"bad token", b"bad request", b"method not allowed", b"success", b"try again"}


class Parameters(Adapter):
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
    def test_an_invalid_parameter_is_refused_and_named(
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
            reason = Reason.SIGNATURE_MISMATCH  # Printable characters are valid in a nonce.
        rest = "&".join(f"{key}={text}" for key, text in parts.items())
        answer = self.send("GET", f"/wechat/brand-a?{changed}&{rest}")

        assert answer.status == (403 if reason is Reason.SIGNATURE_MISMATCH else 400)
        assert answer.body in FIXED_BODIES
        attempt = last_attempt()
        assert (attempt.reason, attempt.account) == (reason, brand_a)
        assert attempt.detail.partition(" ")[0] == ("" if answer.status == 403 else name)

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
