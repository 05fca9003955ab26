"""Turn callbacks and verdicts into what a batch writes: rows, canonical lines, a seal, tallies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from verification.audit_log.canonical import Values, canonical_line
from verification.audit_log.chain import make_seal
from verification.callbacks.store import Batch, TallyKey
from verification.models import ChainHead
from verification.models.noise import is_noise
from verification.protocol.callback import Callback
from verification.protocol.enums import Kind, Mark, Outcome
from verification.protocol.reply import Verdict

Attempt = dict[str, Any]


def make_attempt(callback: Callback, verdict: Verdict) -> Attempt:
    """Return the columns of an attempt, except for its place in the chain and its time.

    It is a dict, because a model instance for each attempt takes as long as all the rest.
    """
    return {
        "account_id": verdict.account_id,
        "token_id": verdict.token_id,
        "duration": callback.elapsed,
        "clock_skew": callback.clock_skew,
        "occurrences": 1,
        "kind": callback.kind,
        "method": callback.method,
        "outcome": verdict.outcome,
        "reason": verdict.reason,
        "status": verdict.status,
        "marks": marks_of(callback, verdict),
        "request_id": callback.request_id,
        "signature": callback.signature,
        "client_ip": callback.client_ip,
        "detail": verdict.detail,
        "path_slug": callback.path_slug,
        "timestamp": callback.timestamp,
        "nonce": callback.nonce,
        "echostr": callback.echostr,
        "user_agent": callback.user_agent,
        "host": callback.host,
    }


def marks_of(callback: Callback, verdict: Verdict) -> Mark:
    """Return the callback's marks, with EMPTY_TOKEN for a refusal that was signed with one."""
    if verdict.outcome is Outcome.REFUSED and callback.is_signed_with_empty_token:
        return callback.marks | Mark.EMPTY_TOKEN
    return callback.marks


def has_row(attempt: Values) -> bool:
    """Return whether an attempt is recorded as a row.

    Accepted message pushes are only tallied: 20,000 a day per account would fill the disk.
    """
    return (attempt["kind"], attempt["outcome"]) != (Kind.MESSAGE_PUSH, Outcome.ACCEPTED)


def tally_key(attempt: Values) -> TallyKey:
    return attempt["account_id"], int(attempt["kind"]), int(attempt["outcome"])


def close_batch(attempts: Sequence[Attempt], head: ChainHead, now: datetime) -> Batch:
    """Date the attempts, number and seal those that have a row, move the head, and tally them all.

    You can call this again with another head, if the chain has moved on.
    """
    for attempt in attempts:
        attempt["recorded_at"] = now
    rows = [attempt for attempt in attempts if has_row(attempt)]
    for number, row in enumerate(rows, start=head.last_attempt_id + 1):
        row |= {"id": number, "seal_id": head.last_seal_id + 1}
    lines = [canonical_line(row) for row in rows]
    previous_digest = bytes(head.last_digest)
    seal = make_seal(head, lines) if rows else None
    if seal:
        head.move_to(seal)
        head.last_recorded_at = now
    noise = filter(is_noise, attempts)
    return Batch(now, previous_digest, head, seal, rows, lines, tally(attempts), tally(noise))


def tally(attempts: Iterable[Values]) -> Counter[TallyKey]:
    """Return the number of requests by account, kind and outcome."""
    tallies: Counter[TallyKey] = Counter()
    for attempt in attempts:
        tallies[tally_key(attempt)] += attempt["occurrences"]
    return tallies
