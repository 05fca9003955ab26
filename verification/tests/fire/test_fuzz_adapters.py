"""Strange requests, through the adapters as a server calls them."""

from __future__ import annotations

import json
import logging.config
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from io import StringIO

import pytest
from django.conf import settings as django_settings
from django.db.models import Sum
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from verification.models import OfficialAccount, Tally
from verification.tests.fire.conftest import KeepFigure
from verification.tests.fire.support.adapters import Ask, through_the_endpoint, through_the_view
from verification.tests.fire.support.scale import scale
from verification.tests.fire.support.strange import REQUESTS, Strange, is_callbacks, may_be_answered
from verification.tests.support.adapter import A, Answer

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]

AT_ONCE = 40
BY_VIEW, BY_ASGI = scale(200, 30_000), scale(10, 4_250) * AT_ONCE


class Examined:
    """What was answered, held against what may be."""

    def __init__(self) -> None:
        self.statuses: Counter[int] = Counter()
        self.recorded = self.unrecorded = 0

    def look(self, request: Strange, answer: Answer) -> None:
        self.statuses[answer.status] += 1
        if not is_callbacks(answer.headers):
            assert answer.status < 500
            assert b"<script>alert(1)" not in answer.body
            return
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-type"] == "text/plain; charset=utf-8"
        assert may_be_answered(request, answer.status, answer.body, [A])
        # On a machine that is too busy: no answer without a record.
        self.unrecorded += answer.status == 503
        self.recorded += answer.status != 503

    @property
    def is_tallied(self) -> bool:
        """Where an answer came too late, there may be a record of it."""
        return self.recorded <= tallied() <= self.recorded + self.unrecorded

    def __str__(self) -> str:
        found = ", ".join(
            f"{count:,} × {status}" for status, count in sorted(self.statuses.items())
        )
        return f"{self.statuses.total():,} requests: {found}"


@contextmanager
def lines_of_production() -> Iterator[StringIO]:
    with redirect_stdout(StringIO()) as out:
        logging.config.dictConfig(django_settings.LOGGING)
        yield out
    logging.config.dictConfig(django_settings.LOGGING)


def fuzz(ask: Ask, count: int, at_once: int) -> Examined:
    examined = Examined()

    @settings(
        max_examples=count // at_once,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=[*HealthCheck],
    )
    @given(st.lists(REQUESTS, min_size=at_once, max_size=at_once))
    def ask_each(requests: list[Strange]) -> None:
        for request, answer in zip(requests, ask(requests), strict=True):
            examined.look(request, answer)

    with lines_of_production() as out:
        ask_each()
    for line in out.getvalue().splitlines():
        json.loads(line)
    return examined


def tallied() -> int:
    return Tally.objects.aggregate(total=Sum("count"))["total"] or 0


def test_no_strange_request_breaks_the_view(brand_a: OfficialAccount, figure: KeepFigure) -> None:
    examined = fuzz(through_the_view(), BY_VIEW, 1)

    keep(figure, "the Django view", examined)
    assert examined.is_tallied
    assert {200, 400, 403, 405} <= set(examined.statuses)


def test_no_strange_request_breaks_the_lean_endpoint(
    brand_a: OfficialAccount, figure: KeepFigure
) -> None:
    with through_the_endpoint() as ask:
        examined = fuzz(ask, BY_ASGI, AT_ONCE)

    keep(figure, "the ASGI endpoint", examined)
    assert examined.is_tallied
    assert {200, 400, 403, 405} <= set(examined.statuses)


def keep(figure: KeepFigure, where: str, examined: Examined) -> None:
    figure(
        f"Every request to {where} gets a fixed answer or its own echostr, "
        "is tallied, and is logged as JSON",
        target="no 5xx except 503, where this machine was too slow to record in time; "
        "nothing else echoed, every answer tallied",
        measured=f"{examined}; {examined.recorded:,} callbacks answered, {tallied():,} tallied",
        is_met=examined.is_tallied,
    )
