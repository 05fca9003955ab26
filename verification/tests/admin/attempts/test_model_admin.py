"""How attempts and their times are shown."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from verification import times
from verification.models import OfficialAccount
from verification.tests.support.adapter import A, last_attempt
from verification.tests.support.admin_client import call, page


class TestShowing:
    def test_a_call_to_nobody_has_no_account_and_says_its_path(
        self, on_record: OfficialAccount, li_wei_at_work: Client
    ) -> None:
        attempt = last_attempt()
        assert attempt.account is None

        noise = page("verificationattempt_changelist") + "?noise=only&kind=all"
        for url in (noise, page("verificationattempt_change", attempt.pk)):
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

        assert times.format_datetime(winter).endswith(f" ({name})")
