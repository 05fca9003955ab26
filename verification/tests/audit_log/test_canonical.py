"""Old seals were made with these lines, so the lines must never change."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest

from verification.audit_log.canonical import canonical_line
from verification.protocol.enums import Kind, Method, Outcome, Reason

SHANGHAI = timezone(timedelta(hours=8))
REFUSED: dict[str, Any] = {
    "id": 7,
    "recorded_at": datetime(2026, 11, 25, 20, 5, 9, 120_300, tzinfo=SHANGHAI),
    "seal_id": 3,
    "account_id": 1,
    "token_id": None,
    "duration": 812,
    "clock_skew": -5,
    "occurrences": 2,
    "kind": Kind.URL_VERIFICATION,
    "method": Method.GET,
    "outcome": Outcome.REFUSED,
    "reason": Reason.SIGNATURE_MISMATCH,
    "status": 403,
    "marks": 3,
    "request_id": UUID("5d0c2f1e-8f4a-4c67-9d1c-0a2b3c4d5e6f"),
    "signature": bytes(range(20)),
    "client_ip": None,
    "detail": "",
    "path_slug": "brand-a",
    "timestamp": "1714036504",
    "nonce": r"a\b",
    "echostr": "4375120948345356249",
    "user_agent": r"\\host\share",
    "host": "wx.example.cn",
}
LINE = (
    b"7\t2026-11-25 12:05:09.1203+00\t3\t1\t\\N\t812\t-5\t2\t1\t1\t2\t1\t403\t3\t"
    b"5d0c2f1e-8f4a-4c67-9d1c-0a2b3c4d5e6f\t\\\\x000102030405060708090a0b0c0d0e0f10111213\t"
    b"\\N\t\tbrand-a\t1714036504\ta\\\\b\t4375120948345356249\t\\\\\\\\host\\\\share\twx.example.cn\n"
)


def test_a_line_of_version_1_is_written_as_it_always_was() -> None:
    assert canonical_line(REFUSED, version=1) == LINE


@pytest.mark.parametrize(
    ("microseconds", "expected"),
    [(0, b"09+00"), (1, b"09.000001+00"), (100_000, b"09.1+00"), (10_000, b"09.01+00")],
)
def test_a_time_has_no_trailing_zeros(microseconds: int, expected: bytes) -> None:
    recorded_at = datetime(2026, 11, 25, 12, 5, 9, microseconds, tzinfo=UTC)

    time = canonical_line({**REFUSED, "recorded_at": recorded_at}, version=1).split(b"\t")[1]
    assert time == b"2026-11-25 12:05:" + expected
