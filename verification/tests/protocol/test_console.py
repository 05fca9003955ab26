"""The console of each platform."""

from __future__ import annotations

import pytest

from verification.protocol import console
from verification.protocol.enums import Platform


@pytest.mark.parametrize(
    ("platform", "suite_id", "expected"),
    [
        (Platform.OFFICIAL_ACCOUNT, "", console.OFFICIAL_ACCOUNT),
        (Platform.MINI_PROGRAM, "", console.MINI_PROGRAM),
        (Platform.WECOM, "", console.WECOM_APP),
        (Platform.WECOM, "ww4a5b6c7d8e9f0a1b", console.WECOM_SUITE),
    ],
)
def test_each_platform_has_a_console(
    platform: Platform, suite_id: str, expected: console.Console
) -> None:
    assert console.console_of(platform, suite_id) is expected


@pytest.mark.parametrize(
    "each",
    [console.OFFICIAL_ACCOUNT, console.MINI_PROGRAM, console.WECOM_APP, console.WECOM_SUITE],
)
def test_a_console_says_whether_the_url_was_accepted(each: console.Console) -> None:
    assert "success" in each.answers
    assert {"token", "failed"} & each.answers.keys()
    assert each.address.startswith("https://")
