"""Internet noise: refused callbacks of browsers, monitors and bots, which need no attention.

NOISE_RULES is the only definition. The query NOISE and the function is_noise() both use it.
PostgreSQL's index of attempts and the tallies depend on it, so a change of the rules needs a
migration: see .github/CONTRIBUTING.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache, reduce
from operator import or_
from typing import Any, NamedTuple

from django.db.models import Q

from verification.protocol.enums import Mark, Outcome, Reason

#: The user agent of WeChat's servers, the same in every log that was published since 2013.
WECHAT_USER_AGENT = "Mozilla/4.0"
ALL_MARKS = range(2 * max(Mark))


class NoiseRule(NamedTuple):
    """One kind of noise. An attempt must meet every condition that is set."""

    reason: Reason | None = None
    is_unsigned: bool = False  #: there is no signature
    without_mark: Mark | None = None
    is_foreign: bool = False  #: the user agent is not WeChat's
    refused_with_mark: Mark | None = None


NOISE_RULES = [
    NoiseRule(reason=Reason.METHOD_NOT_ALLOWED),
    # Neither WeChat nor WeCom sends a callback without a signature.
    NoiseRule(reason=Reason.MISSING_PARAMETER, is_unsigned=True, without_mark=Mark.MSG_SIGNATURE),
    # WeChat itself calls an unknown path if an operator has mistyped the server URL.
    NoiseRule(reason=Reason.UNKNOWN_ACCOUNT, is_foreign=True),
    NoiseRule(refused_with_mark=Mark.EMPTY_TOKEN),
]


def is_noise(attempt: Mapping[str, Any]) -> bool:
    """Return whether an attempt, given by its columns, is noise."""
    return _is_noise(
        attempt["outcome"],
        attempt["reason"],
        attempt["marks"],
        attempt["signature"] is None,
        attempt["user_agent"] != WECHAT_USER_AGENT,
    )


# Few combinations occur, so nearly every call is answered from the cache, and the attempts of known
# and unknown accounts take the same time.
@lru_cache(maxsize=4096)
def _is_noise(
    outcome: int, reason: int | None, marks: int, is_unsigned: bool, is_foreign: bool
) -> bool:
    return any(
        (rule.reason is None or reason == rule.reason)
        and (is_unsigned or not rule.is_unsigned)
        and (rule.without_mark is None or not marks & rule.without_mark)
        and (is_foreign or not rule.is_foreign)
        and (
            rule.refused_with_mark is None
            or (outcome == Outcome.REFUSED and bool(marks & rule.refused_with_mark))
        )
        for rule in NOISE_RULES
    )


def _as_query(rule: NoiseRule) -> Q:
    """Return the rule as a query. It lists values of marks, because a query cannot test bits."""
    conditions: dict[str, Any] = {}
    if rule.reason is not None:
        conditions["reason"] = rule.reason.value
    if rule.is_unsigned:
        conditions["signature__isnull"] = True
    if rule.without_mark is not None:
        conditions["marks__in"] = [marks for marks in ALL_MARKS if not marks & rule.without_mark]
    if rule.refused_with_mark is not None:
        conditions["outcome"] = Outcome.REFUSED.value
        conditions["marks__in"] = [marks for marks in ALL_MARKS if marks & rule.refused_with_mark]
    query = Q(**conditions)
    return query & ~Q(user_agent=WECHAT_USER_AGENT) if rule.is_foreign else query


NOISE = reduce(or_, map(_as_query, NOISE_RULES))

#: The columns of a call of WeChat's that may have lost its query string on the way. It is noise as
#: well, because a bot may have sent it. WeCom's user agent is that of WeChat.
LOST_QUERY_COLUMNS: dict[str, Any] = {
    "reason": Reason.MISSING_PARAMETER.value,
    "signature": None,
    "user_agent": WECHAT_USER_AGENT,
}
LOST_QUERY = Q(**LOST_QUERY_COLUMNS)
