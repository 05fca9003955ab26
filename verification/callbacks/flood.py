"""Limit how many attempts get a row of their own when many requests arrive.

Anyone can call a server URL as often as they like, and disk space is limited. In each minute the
first refusals of a source and the first uses of a signature are recorded one by one. After that,
identical attempts of a batch are combined into one row with a count. If these rows become too many,
refusals of an account share a row whatever their reason, and then the refusals of all accounts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Sequence
from time import monotonic

from verification.audit_log.canonical import Values
from verification.callbacks.batch import Attempt, tally_key
from verification.models.noise import is_noise
from verification.protocol.callback import Callback
from verification.protocol.client_ip import source_of
from verification.protocol.enums import Kind, Mark, Outcome, Reason
from verification.protocol.reply import Verdict

#: Individual rows per minute for the refusals of one source, and for the accepted requests with
#: one signature.
MAX_INDIVIDUAL_ROWS = 20
#: Individual rows per minute for the refusals of all sources together. Beyond it, every refusal
#: shares a row, whatever its source.
MAX_REFUSED_ROWS = 600
#: Shared rows of refusals per second, of all sources together. Those that a second does not use may
#: be used in the next one.
MAX_SHARED_ROWS = 20
#: Signatures of accepted requests that are remembered, which takes about a megabyte.
MAX_SIGNATURES = 4_096

#: An attempt that shares a row, with its share key.
Shared = tuple[Attempt, Hashable]
Grouping = Callable[[Shared], Hashable]


class RowBudget:
    """Counts the individual rows of the current minute, and the shared rows of each second.

    Each process has its own budget. It only bounds how much is written: tallies and occurrences are
    exact without it.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.minute = 0
        self.refused: Counter[str] = Counter()
        self.accepted: Counter[bytes] = Counter()
        self.rows = 0
        self.shared_rows = float(MAX_SHARED_ROWS)  #: left now; below 0, later ones wait for it
        self.refilled_at = monotonic()

    def may_share_row(self, callback: Callback) -> bool:
        """Return whether share_key() could return a key for this callback.

        This check needs no verdict, so that most callbacks are judged only once.
        """
        self.reset_each_minute()
        return (
            self.rows >= MAX_REFUSED_ROWS
            or self.refused[source_of(callback.client_ip)] >= MAX_INDIVIDUAL_ROWS
            or self.accepted[callback.signature or b""] >= MAX_INDIVIDUAL_ROWS
        )

    def claim_row(self, callback: Callback, verdict: Verdict) -> Hashable:
        """Return share_key(), and consume an individual row if it is None."""
        self.reset_each_minute()
        key = self.share_key(callback, verdict)
        if key is None:
            self.consume(callback, verdict)
        return key

    def share_key(self, callback: Callback, verdict: Verdict) -> Hashable:
        """Return what the attempts of a shared row have in common, or None for an individual row.

        The key is the signature of an accepted request, and the source of a refusal or "all".
        """
        if verdict.outcome is Outcome.ACCEPTED:
            signature = callback.signature or b""
            return signature if self.accepted[signature] >= MAX_INDIVIDUAL_ROWS else None
        if self.rows >= MAX_REFUSED_ROWS:
            return "all"
        source = source_of(callback.client_ip)
        return source if self.refused[source] >= MAX_INDIVIDUAL_ROWS else None

    def consume(self, callback: Callback, verdict: Verdict) -> None:
        """Count one individual row. Accepted message pushes have no row."""
        if verdict.outcome is Outcome.REFUSED:
            self.refused[source_of(callback.client_ip)] += 1
            self.rows += 1
        elif callback.kind is not Kind.MESSAGE_PUSH:
            if len(self.accepted) >= MAX_SIGNATURES:
                self.accepted.clear()
            self.accepted[callback.signature or b""] += 1

    def choose_grouping(self, refusals: Sequence[Shared]) -> Grouping:
        """Return the first of GROUPINGS whose rows are within the budget, and consume them.

        The last one is always possible: it makes one row of each kind.
        """
        now = monotonic()
        gained = (now - self.refilled_at) * MAX_SHARED_ROWS
        self.shared_rows = min(MAX_SHARED_ROWS, self.shared_rows + gained)
        self.refilled_at = now
        for grouping in GROUPINGS:
            rows = len(set(map(grouping, refusals)))
            if rows <= self.shared_rows:
                break
        # Not less than this, so that the first second after a flood has rows again.
        self.shared_rows = max(self.shared_rows - rows, -MAX_SHARED_ROWS)
        return grouping

    def reset_each_minute(self) -> None:
        minute = int(monotonic() // 60)
        if minute != self.minute:
            self.minute = minute
            self.refused.clear()
            self.accepted.clear()
            self.rows = 0


def coalesce(
    attempts: Iterable[Attempt], share_keys: Iterable[Hashable], budget: RowBudget
) -> list[Attempt]:
    """Combine attempts into rows, and return the rest unchanged.

    A share key of None keeps its attempt individual. Others are combined if they are identical and
    have the same share key; refusals that would still make too many rows, by a coarser grouping.
    """
    pairs = [*zip(attempts, share_keys, strict=True)]
    refusals = [pair for pair in pairs if pair[1] is not None and is_refused(pair[0])]
    grouping = budget.choose_grouping(refusals) if refusals else by_identity
    rows: dict[Hashable, Attempt] = {}
    for number, pair in enumerate(pairs):
        attempt, share_key = pair
        if share_key is None:
            group: Hashable = number
        elif is_refused(attempt):
            group = "refused", grouping(pair)
        else:
            group = "accepted", by_identity(pair)
        row = rows.setdefault(group, attempt)
        if row is not attempt:
            add_occurrence(row, attempt)
    return [*rows.values()]


def is_refused(attempt: Values) -> bool:
    return bool(attempt["outcome"] == Outcome.REFUSED)


def add_occurrence(row: Attempt, attempt: Values) -> None:
    """Count the attempt in the row, and remove from the row what is not true of the attempt.

    The address or account of a row that has several is None. The reason of unlike refusals is
    MIXED.
    """
    row["occurrences"] += 1
    if row["client_ip"] != attempt["client_ip"]:
        row["client_ip"] = None
    if row["reason"] == Reason.MIXED or identity_of(row) != identity_of(attempt):
        row["reason"], row["detail"] = Reason.MIXED, ""
        row["marks"] &= ~Mark.EMPTY_TOKEN  # it would make the row internet noise
        if row["account_id"] != attempt["account_id"]:
            row["account_id"] = None


def identity_of(attempt: Values) -> tuple[Hashable, ...]:
    """Return the values in which attempts of one row agree, unless its reason is MIXED.

    All of them come from closed lists, so that a client cannot prevent the sharing with random
    values. Noise is counted separately, so it shares no row with anything else.
    """
    values = (attempt[name] for name in ("method", "reason", "detail", "status"))
    return *tally_key(attempt), *values, is_noise(attempt)


def by_identity(pair: Shared) -> Hashable:
    attempt, share_key = pair
    return share_key, *identity_of(attempt)


def by_account(pair: Shared) -> Hashable:
    """Return account and kind; for noise, the identity.

    A row with several reasons does not count as noise, so noise in it would be counted as something
    else.
    """
    attempt, share_key = pair
    return by_identity(pair) if is_noise(attempt) else (share_key, *tally_key(attempt))


def by_kind(pair: Shared) -> Hashable:
    attempt, _share_key = pair
    return (attempt["kind"],)


#: What the refusals of one row must have in common, the most detailed rows first.
GROUPINGS = (by_identity, by_account, by_kind)
