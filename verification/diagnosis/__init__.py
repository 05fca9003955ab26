"""Why an attempt ended as it did, in words a person can act on, with the tokens known today.

Never shown to the caller. Sentences name the account, the date and the person, and never a
computed signature. .github/CONTRIBUTING.md says how to add a cause.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from verification.diagnosis import (
    accepted_causes,
    account_causes,
    remarks,
    request_causes,
    script_causes,
    token_causes,
    typo_causes,
)
from verification.diagnosis.case import Case, Explanation, Known, Remark
from verification.models import VerificationAttempt

__all__ = ["Explanation", "Known", "Remark", "explain", "remark_on"]

#: The surest first; the last one always fits.
CAUSES: list[Callable[[Case], Explanation | None]] = [
    accepted_causes.own_test_accepted,
    accepted_causes.accepted_with_previous_token,
    accepted_causes.accepted_before_rotation,
    accepted_causes.accepted,
    request_causes.method_not_allowed,
    request_causes.call_of_wecom,
    request_causes.probe_with_empty_token,
    request_causes.parameters_missing,
    request_causes.parameter_repeated,
    request_causes.query_too_long,
    request_causes.parameter_malformed,
    account_causes.account_paused,
    account_causes.account_not_at_root,
    token_causes.token_since_added,
    token_causes.token_fits_today,
    account_causes.nobody_at_root,
    account_causes.path_since_added,
    account_causes.path_mistyped,
    account_causes.path_unknown,
    account_causes.no_token_yet,
    token_causes.token_retired,
    token_causes.token_of_another_account,
    typo_causes.token_cut_or_doubled,
    typo_causes.token_in_other_case,
    typo_causes.other_value_for_token,
    script_causes.blanks_around_token,
    script_causes.sorted_as_numbers,
    script_causes.not_sorted,
    script_causes.something_between,
    script_causes.echostr_hashed_in,
    token_causes.token_unknown,
]
#: Any number of them may stand beside a cause, in this order.
REMARKS: list[Callable[[Case], Remark | None]] = [
    remarks.repeat,
    remarks.clock_off,
    remarks.not_wechats_user_agent,
    remarks.came_over_http,
    remarks.came_to_another_host,
    remarks.slow_answer,
    remarks.console_may_complain,
]


def explain(attempt: VerificationAttempt, known: Known | None = None) -> Explanation:
    """The first cause that fits; `known` may be shared between many attempts."""
    case = Case(attempt, known or Known())
    found = ((cause.__name__, cause(case)) for cause in CAUSES)
    return next(replace(it, cause=name) for name, it in found if it)


def remark_on(attempt: VerificationAttempt) -> list[Remark]:
    """Whatever stands out beside the cause; asks the database, so not for every row of a list."""
    case = Case(attempt, Known())
    found = ((remark.__name__, remark(case)) for remark in REMARKS)
    return [replace(it, name=name) for name, it in found if it]
