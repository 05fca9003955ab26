"""Counts what a review of a period looks at, and links each number to what it counts.

A sign-off freezes the counts in its facts; its page shows those, and never counts again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.db.models import Count, Sum
from django.http import HttpRequest
from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from verification.admin.base import may
from verification.attempts.counts import count_period
from verification.attempts.filter import NO_ACCOUNT, AttemptFilter, Noise
from verification.change_log import Action
from verification.models import ChangeEvent, FailureTally
from verification.protocol.enums import Kind, Outcome
from verification.times import Period

#: What the change log is reviewed for: who saw secrets, who may do what, and who tried to get in.
REVIEWED_ACTIONS = (
    *(Action.TOKEN_REVEALED, Action.AES_KEY_REVEALED, Action.WEBHOOK_SECRET_REVEALED),
    *(Action.ROLE_GRANTED, Action.ROLE_REVOKED),
    *(Action.SIGN_IN_FAILED, Action.SECOND_FACTOR_REFUSED, Action.SECOND_FACTOR_RESET),
    Action.EXPORTED,
)


class Number(NamedTuple):
    label: Any
    amount: int
    url: str  #: empty for readers who may not see what is counted


class AccountRow(NamedTuple):
    name: str
    slug: str
    url: str
    accepted: Number
    refused: Number


class ReviewedCounts(NamedTuple):
    """Holds the counts of a period as the page and the paper show them."""

    accounts: list[AccountRow]
    accepted: int
    refused: int
    others: list[Number]  #: what is no URL verification
    changes: list[Number]  #: of the change log; empty for sign-offs of an earlier release


def count_changes(period: Period) -> dict[str, int]:
    """Return how often each of REVIEWED_ACTIONS happened in the period.

    The change log has them, and of failures beyond the first of a minute their number.
    """
    events = ChangeEvent.objects.filter(
        recorded_at__gte=period.start, recorded_at__lt=period.end, action__in=REVIEWED_ACTIONS
    )
    tallies = FailureTally.objects.filter(hour__gte=period.start, hour__lt=period.end)
    counted = Counter(dict(events.order_by().values_list("action").annotate(Count("pk"))))
    counted.update(dict(tallies.order_by().values_list("action").annotate(Sum("count"))))
    return {action.value: counted[action.value] for action in REVIEWED_ACTIONS}


def count_facts(period: Period) -> dict[str, Any]:
    """Return everything that is counted in a period, as a sign-off records it."""
    counts = count_period(period)
    return {
        "accounts": [asdict(count) for count in counts.by_account()],
        "noise": counts.noise,
        "pushes": counts.pushes,
        "self_tests": counts.self_tests,
        "changes": count_changes(period),
    }


def make_review(request: HttpRequest, period: Period, facts: dict[str, Any]) -> ReviewedCounts:
    """Return the counts with links, for a user who may see what they lead to."""
    attempts = AttemptLinks(period, is_shown=may(request, "view_verificationattempt"))
    accounts = facts["accounts"]
    return ReviewedCounts(
        accounts=[account_row(account, attempts) for account in accounts],
        accepted=sum(account["accepted"] for account in accounts),
        refused=sum(account["refused"] for account in accounts),
        others=[
            Number(capfirst(str(label)), facts[name], attempts.url(**changes))
            for name, label, changes in (
                ("noise", _("internet noise"), {"noise": Noise.ONLY, "kind": None}),
                ("pushes", _("message pushes"), {"kind": Kind.MESSAGE_PUSH}),
                ("self_tests", _("self-tests"), {"kind": Kind.SELF_TEST}),
            )
        ],
        changes=list(
            change_numbers(
                period, facts.get("changes", {}), is_linked=may(request, "view_changeevent")
            )
        ),
    )


class AttemptLinks:
    """Makes links to the attempts of a period, or empty texts."""

    def __init__(self, period: Period, *, is_shown: bool) -> None:
        self.filter, self.is_shown = AttemptFilter(period), is_shown
        self.path = reverse("admin:verification_verificationattempt_changelist")

    def url(self, **changes: Any) -> str:
        return self.path + self.filter.replace(**changes).query() if self.is_shown else ""


def account_row(account: dict[str, Any], attempts: AttemptLinks) -> AccountRow:
    key = account["account_id"] or NO_ACCOUNT
    accepted, refused = (
        Number(label, account[name], attempts.url(account=key, outcome=outcome))
        for name, label, outcome in (
            ("accepted", _("Accepted"), Outcome.ACCEPTED),
            ("refused", _("Refused"), Outcome.REFUSED),
        )
    )
    url = attempts.url(account=key)
    return AccountRow(account["name"], account["slug"], url, accepted, refused)


def change_numbers(period: Period, counted: dict[str, int], *, is_linked: bool) -> Iterable[Number]:
    path = reverse("admin:verification_changeevent_changelist")
    for action in REVIEWED_ACTIONS:
        if action.value in counted:
            query = {"what": action.value, "first": period.first, "last": period.last}
            label = capfirst(str(action.label))
            url = f"{path}?{urlencode(query)}" if is_linked else ""
            yield Number(label, counted[action.value], url)
