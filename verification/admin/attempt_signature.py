"""How a signature is checked, shown without what would let anyone make one."""

from __future__ import annotations

from dataclasses import dataclass

from verification.diagnosis import Explanation, Known
from verification.diagnosis.case import Case
from verification.models import Token, VerificationAttempt


@dataclass(frozen=True)
class Comparison:
    """A token, and whether the received signature was made with it.

    What else it gives is not shown: that would be a valid signature. Nor is its place among the
    sorted three: with timestamps and nonces of one's own choice, it would tell the token.
    """

    token: Token
    is_same: bool


def compare(attempt: VerificationAttempt, explanation: Explanation) -> list[Comparison]:
    """With the tokens of the account that were valid then, and the one that did sign it."""
    if not attempt.signature:
        return []
    case = Case(attempt, Known())
    return [
        Comparison(token, case.is_signed_with(text))
        for token, text in case.known.secrets
        if token == explanation.signed_with or was_valid(token, attempt)
    ]


def was_valid(token: Token, attempt: VerificationAttempt) -> bool:
    is_own = attempt.account_id is not None and token.account_id == attempt.account_id
    then = attempt.recorded_at
    return is_own and token.created_at <= then and token.is_live_at(then)
