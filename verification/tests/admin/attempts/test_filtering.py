"""Each filter of the list of attempts leaves what it says, and can be written as an address."""

from __future__ import annotations

from datetime import UTC, date, datetime
from urllib.parse import parse_qs

import pytest
from django.test import Client

from verification.attempts.filter import AttemptFilter
from verification.attempts.filter_url import parse_filter
from verification.attempts.index import ACCOUNT_LIMIT
from verification.models import OfficialAccount, VerificationAttempt
from verification.protocol.enums import Kind, Outcome, Reason
from verification.tests.support.attempt_list import LIST, column, show
from verification.times import Period, Span


@pytest.mark.parametrize(
    ("query", "rows"),
    [
        ({"outcome": "refused"}, 2),
        ({"outcome": "accepted"}, 3),
        ({"reason": "signature_mismatch"}, 2),
        ({"reason": "unknown_account"}, 0),
        ({"kind": "message_push"}, 1),
        ({"kind": "all"}, 6),
        ({"outcome": "accepted", "reason": "signature_mismatch"}, 0),
        ({"noise": "only", "kind": "all"}, 3),
        ({"noise": "only"}, 3),
        ({"noise": "only", "reason": "method_not_allowed"}, 1),
        ({"noise": "only", "account": "none"}, 1),
        ({"kind": "noise"}, 3),
        ({"kind": "every"}, 9),
        ({"kind": "every", "reason": "signature_mismatch"}, 4),
        ({"first": "1970-01-01"}, 5),
        ({"last": "2000-01-01"}, 0),
        ({"account": "none"}, 0),
        ({"account": str(ACCOUNT_LIMIT - 1)}, 0),
        ({"period": "this_month"}, 5),
        ({"period": "last_quarter"}, 0),
        ({"q": "127.0.0.1"}, 5),
        ({"q": " ::ffff:127.0.0.1 "}, 5),
        ({"q": "192.0.2.1"}, 0),
    ],
)
def test_a_filter_leaves_what_it_says(
    a_day: None, li_wei_at_work: Client, query: dict[str, str], rows: int
) -> None:
    assert len(column(show(li_wei_at_work, **query), "time")) == rows


def test_an_account_is_chosen_by_its_name(
    a_day: None, brand_b: OfficialAccount, li_wei_at_work: Client
) -> None:
    text = show(li_wei_at_work, account=str(brand_b.pk))

    assert column(text, "called") == ["Brand-B"] * 3


def test_an_attempt_is_found_by_its_request_id(a_day: None, li_wei_at_work: Client) -> None:
    attempt = VerificationAttempt.objects.get(id=2)
    for spelling in (str(attempt.request_id), attempt.request_id.hex.upper()):
        assert len(column(show(li_wei_at_work, q=spelling), "time")) == 1


@pytest.mark.parametrize(
    "term", ["haystack", "%", "'", "e" * 5000, "1.2.3", "25:99", "2026-02-30 10:42"]
)
def test_what_is_no_question_is_said_to_be_none(
    a_day: None, li_wei_at_work: Client, term: str
) -> None:
    response = li_wei_at_work.get(LIST, {"q": term})

    assert response.status_code == 200
    assert "is not a time, a period, an IP address or a request id" in response.text


@pytest.mark.parametrize(
    "query",
    [
        {"period": "yesteryear"},
        {"outcome": "1"},
        {"reason": "x"},
        {"kind": "٣"},
        {"account": "²"},
        {"account": "9" * 40},
        {"account": str(ACCOUNT_LIMIT)},
        {"noise": "loud"},
        {"account__id__exact": "1"},
    ],
)
def test_an_invalid_parameter_is_ignored_with_a_warning(
    li_wei_at_work: Client, query: dict[str, str]
) -> None:
    response = li_wei_at_work.get(LIST, query, follow=True)

    assert [status for _, status in response.redirect_chain] == [302]
    assert "are invalid and were ignored" in response.text


@pytest.mark.parametrize("key", ["x", "-1", "٣", "9" * 40])
def test_an_invalid_key_shows_the_first_page(a_day: None, li_wei_at_work: Client, key: str) -> None:
    assert len(column(show(li_wei_at_work, before=key), "time")) == 5


@pytest.mark.parametrize(
    "period",
    [
        Period(date(2026, 7, 1), date(2026, 9, 30)),
        Span(datetime(2026, 9, 29, 2, 30, tzinfo=UTC), datetime(2026, 9, 29, 2, 45, tzinfo=UTC)),
    ],
)
def test_a_filter_and_its_address_say_the_same(db: None, period: Period | Span) -> None:
    filters = AttemptFilter(
        period,
        account=7,
        outcome=Outcome.REFUSED,
        reason=Reason.NO_TOKEN,
        kind=Kind.MESSAGE_PUSH,
        search="192.0.2.1",
    )
    query = {name: values[0] for name, values in parse_qs(filters.query()[1:]).items()}

    assert parse_filter(query) == (filters, [])
