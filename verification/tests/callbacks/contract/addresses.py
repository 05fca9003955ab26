"""The methods, paths and hosts of callbacks."""

from __future__ import annotations

import pytest

from verification.models import OfficialAccount, VerificationAttempt
from verification.protocol.enums import Reason
from verification.tests.support.adapter import A, Adapter, last_attempt
from verification.tests.support.signer import verification


class Addresses(Adapter):
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

    @pytest.mark.parametrize(
        "path", ["/WeChat/brand-a", "/wechat//brand-a", "/brand-a", "/api/weixin.php", "/admin/"]
    )
    def test_a_signed_call_to_a_wrong_address_is_refused_and_recorded(
        self, brand_a: OfficialAccount, path: str
    ) -> None:
        answer = self.send("GET", f"{path}?{verification(A)}")

        assert (answer.status, answer.body) == (403, b"bad token")
        attempt = last_attempt()
        assert (attempt.reason, attempt.path_slug) == (Reason.UNKNOWN_ACCOUNT, path)

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
