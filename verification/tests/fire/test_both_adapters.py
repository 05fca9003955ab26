"""The ASGI endpoint and the Django view give the same answers, and record the same."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import HealthCheck, given, settings

from verification.callbacks.recording import row_budget
from verification.models import OfficialAccount, VerificationAttempt
from verification.tests.fire.conftest import RecordFigure
from verification.tests.fire.support.adapters import Ask, through_the_endpoint, through_the_view
from verification.tests.fire.support.fuzz_requests import (
    REQUESTS,
    FuzzRequest,
    is_callback_response,
)
from verification.tests.fire.support.run_length import short_or_long
from verification.tests.support.adapter import Answer

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]

EXAMPLES = short_or_long(100, 5_000)
#: The columns in which the two records of a request may differ.
IGNORED_COLUMNS = {"id", "seal_id", "recorded_at", "duration", "clock_skew", "request_id"}


def answer_and_record(ask: Ask, request: FuzzRequest) -> tuple[Answer, list[dict[str, Any]]]:
    row_budget.reset()
    before = VerificationAttempt.objects.count()
    [answer] = ask([request])
    rows = VerificationAttempt.objects.order_by("id").values()[before:]
    records = [
        {name: value for name, value in row.items() if name not in IGNORED_COLUMNS} for row in rows
    ]
    return answer, records


def is_comparable(request: FuzzRequest) -> bool:
    """Return whether both adapters see the request as it was sent.

    Django treats get as GET, and escapes again what is not UTF-8 in a path.
    """
    path = unquote_to_bytes(request.path)
    return request.method.isupper() and path == path.decode("utf-8", "replace").encode()


def test_both_adapters_answer_and_record_alike(
    brand_a: OfficialAccount, figure: RecordFigure
) -> None:
    compared, ask_view = 0, through_the_view()

    @settings(max_examples=EXAMPLES, suppress_health_check=[*HealthCheck])
    @given(REQUESTS.filter(is_comparable))
    def compare(request: FuzzRequest) -> None:
        nonlocal compared
        answer, rows = answer_and_record(ask_view, request)
        if not is_callback_response(answer.headers):
            return
        other, other_rows = answer_and_record(ask_endpoint, request)
        assert (other.status, other.body) == (answer.status, answer.body)
        assert other_rows == rows
        compared += 1

    with through_the_endpoint() as ask_endpoint:
        compare()
    figure(
        "Both adapters give a callback the same answer and the same record",
        target="no difference",
        measured=f"0 differences in {compared:,} random requests",
        is_met=compared > EXAMPLES / 2,
    )
    assert compared > EXAMPLES / 2
