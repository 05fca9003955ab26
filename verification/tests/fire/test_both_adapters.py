"""The lean endpoint and the Django view are one: same answers, same records."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import HealthCheck, given, settings

from verification.callbacks.recording import row_budget
from verification.models import OfficialAccount, VerificationAttempt
from verification.tests.fire.conftest import KeepFigure
from verification.tests.fire.support.adapters import Ask, through_the_endpoint, through_the_view
from verification.tests.fire.support.scale import scale
from verification.tests.fire.support.strange import REQUESTS, Strange, is_callbacks
from verification.tests.support.adapter import Answer

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]

EXAMPLES = scale(100, 5_000)
#: What one request's two records may differ in.
ITS_OWN = {"id", "seal_id", "recorded_at", "duration", "clock_skew", "request_id"}


def answer_and_record(ask: Ask, request: Strange) -> tuple[Answer, list[dict[str, Any]]]:
    row_budget.reset()
    before = VerificationAttempt.objects.count()
    [answer] = ask([request])
    rows = VerificationAttempt.objects.order_by("id").values()[before:]
    return answer, [{name: it for name, it in row.items() if name not in ITS_OWN} for row in rows]


def reaches_both(request: Strange) -> bool:
    """As it was sent: Django takes get for GET, and escapes again what is not UTF-8 in a path."""
    path = unquote_to_bytes(request.path)
    return request.method.isupper() and path == path.decode("utf-8", "replace").encode()


def test_both_adapters_answer_and_record_alike(
    brand_a: OfficialAccount, figure: KeepFigure
) -> None:
    compared, ask_view = 0, through_the_view()

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[*HealthCheck])
    @given(REQUESTS.filter(reaches_both))
    def compare(request: Strange) -> None:
        nonlocal compared
        answer, rows = answer_and_record(ask_view, request)
        if not is_callbacks(answer.headers):
            return
        other, other_rows = answer_and_record(ask_endpoint, request)
        assert (other.status, other.body) == (answer.status, answer.body)
        assert other_rows == rows
        compared += 1

    with through_the_endpoint() as ask_endpoint:
        compare()
    figure(
        "Whichever adapter a callback comes through, it gets the same answer and the same record",
        target="no difference",
        measured=f"0 differences in {compared:,} random requests",
        is_met=compared > EXAMPLES / 2,
    )
    assert compared > EXAMPLES / 2
