"""Why an attempt failed, in words a person can act on, with the tokens known today.

Never shown to the caller. Sentences name the account, the date and the person, and never a
computed signature. A cause is one function: given the case, its explanation or None.
"""

from __future__ import annotations

from collections.abc import Callable

from verification.diagnosis import request_causes, token_causes
from verification.diagnosis.case import Case, Explanation, Known
from verification.models import VerificationAttempt

__all__ = ["Explanation", "Known", "explain"]

#: The surest first; the last one always fits.
CAUSES: list[Callable[[Case], Explanation | None]] = [
    request_causes.accepted,
    request_causes.method_not_allowed,
    request_causes.call_of_wecom,
    request_causes.parameters_missing,
    request_causes.parameter_malformed,
    request_causes.account_paused,
    token_causes.account_not_at_root,
    token_causes.token_since_added,
    token_causes.token_fits_today,
    request_causes.path_unknown,
    request_causes.no_token_yet,
    token_causes.token_retired,
    token_causes.token_of_another_account,
    token_causes.token_cut_or_doubled,
    token_causes.token_in_other_case,
    token_causes.token_unknown,
]


def explain(attempt: VerificationAttempt, known: Known | None = None) -> Explanation:
    """The first cause that fits; `known` may be shared between many attempts."""
    case = Case(attempt, known or Known())
    return next(found for cause in CAUSES if (found := cause(case)))
