"""Attempts are found, and shown with units and zone."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from verification.admin import moments
from verification.models import OfficialAccount
from verification.tests.contract import A, last_attempt
from verification.tests.people import call, page


class TestSearching:
    @pytest.mark.parametrize(
        "term",
        [
            "81.69.103.129",
            " ::ffff:81.69.103.129 ",
            "5d0c2f1e-8f4a-4c67-9d1c-0a2b3c4d5e6f",
            "5D0C2F1E8F4A4C679D1C0A2B3C4D5E6F",
            "needle",
            "/wechat/needle-in-hay",
        ],
    )
    def test_an_attempt_is_found_by_ip_request_id_and_path(
        self, on_record: OfficialAccount, li_wei_at_work: Client, settings: Any, term: str
    ) -> None:
        settings.TRUSTED_PROXY_COUNT = 1
        request_id = "5d0c2f1e-8f4a-4c67-9d1c-0a2b3c4d5e6f"
        sent = {"X-Forwarded-For": "81.69.103.129", "X-Request-ID": request_id}
        call("/wechat/needle-in-hay", A, **sent)
        found = li_wei_at_work.get(page("verificationattempt_changelist"), {"q": term})

        assert "/wechat/needle-in-hay" in found.text
        assert "1 entry\n" in found.text

    @pytest.mark.parametrize("term", ["81.69.103.130", "haystack", "%", "'", "e" * 5000])
    def test_searching_for_what_is_not_there_finds_nothing(
        self, on_record: OfficialAccount, li_wei_at_work: Client, term: str
    ) -> None:
        response = li_wei_at_work.get(page("verificationattempt_changelist"), {"q": term})

        assert response.status_code == 200
        assert "/wechat/nobody" not in response.text

    def test_searching_for_a_nul_is_answered(
        self, on_record: OfficialAccount, li_wei_at_work: Client
    ) -> None:
        response = li_wei_at_work.get(page("verificationattempt_changelist"), {"q": "a\x00b"})

        assert response.status_code == 200


class TestShowing:
    def test_a_call_to_nobody_has_no_account_and_says_its_path(
        self, on_record: OfficialAccount, li_wei_at_work: Client
    ) -> None:
        attempt = last_attempt()
        assert attempt.account is None

        for url in (
            page("verificationattempt_changelist"),
            page("verificationattempt_change", attempt.pk),
        ):
            assert "/wechat/nobody" in li_wei_at_work.get(url).text

    def test_a_user_agent_is_text_and_no_script(
        self, on_record: OfficialAccount, li_wei_at_work: Client
    ) -> None:
        call("/wechat/brand-a", A, **{"User-Agent": "<script>alert(1)</script>"})
        text = li_wei_at_work.get(page("verificationattempt_change", last_attempt().pk)).text

        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
        assert "<script>alert(1)" not in text

    @pytest.mark.parametrize(
        ("zone", "name"),
        [
            ("UTC", "UTC"),
            ("Asia/Shanghai", "UTC+8"),
            ("Asia/Kolkata", "UTC+5:30"),
            ("America/St_Johns", "UTC-3:30"),
        ],
    )
    def test_zones_are_named_by_their_distance_from_utc(
        self, on_record: OfficialAccount, settings: Any, zone: str, name: str
    ) -> None:
        settings.TIME_ZONE = zone
        winter = last_attempt().recorded_at.replace(month=1)

        assert moments.zoned(winter).endswith(f" ({name})")
