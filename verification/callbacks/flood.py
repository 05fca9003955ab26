"""Limit how many attempts get a row of their own when many requests arrive.

Anyone can call a server URL as often as they like, and disk space is limited. In each minute the
first refusals of a source and the first uses of a signature are recorded one by one. After that,
identical attempts of a batch are combined into one row with a count.
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from collections.abc import Hashable, Iterable
from functools import lru_cache
from time import monotonic

from verification.audit_log.canonical import Values
from verification.callbacks.batch import Attempt, tally_key
from verification.models.noise import is_noise
from verification.protocol.callback import Callback
from verification.protocol.enums import Kind, Outcome
from verification.protocol.reply import Verdict

#: Individual rows per minute for the refusals of one source, and for the accepted requests with
#: one signature.
MAX_INDIVIDUAL_ROWS = 20
#: Individual rows per minute for the refusals of all sources together. Beyond it, every refusal
#: shares a row, whatever its source.
MAX_REFUSED_ROWS = 600
#: Signatures of accepted requests that are remembered, which takes about a megabyte.
MAX_SIGNATURES = 4_096


class RowBudget:
    """Counts the individual rows of the current minute.

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

    def reset_each_minute(self) -> None:
        minute = int(monotonic() // 60)
        if minute != self.minute:
            self.reset()
            self.minute = minute


@lru_cache(maxsize=1024)
def source_of(client_ip: str | None) -> str:
    """Return the IPv4 address, or the /64 network of an IPv6 address.

    A holder of one IPv6 address usually has the whole /64, with 2**64 addresses.
    """
    if client_ip is None or ":" not in client_ip:
        return client_ip or ""
    return str(ipaddress.ip_network((client_ip, 64), strict=False))


def coalesce(attempts: Iterable[Attempt], share_keys: Iterable[Hashable]) -> list[Attempt]:
    """Combine identical attempts that have the same share key, and return the rest unchanged.

    The first of them stays and counts the others in `occurrences`. Its `client_ip` becomes None
    when the addresses differ. A share key of None keeps its attempt individual.
    """
    coalesced: dict[Hashable, Attempt] = {}
    for number, (attempt, share_key) in enumerate(zip(attempts, share_keys, strict=True)):
        key = number if share_key is None else (share_key, *identity_of(attempt))
        first = coalesced.setdefault(key, attempt)
        if first is not attempt:
            first["occurrences"] += 1
            if first["client_ip"] != attempt["client_ip"]:
                first["client_ip"] = None
    return [*coalesced.values()]


def identity_of(attempt: Values) -> tuple[Hashable, ...]:
    """Return the values in which attempts of one row must agree.

    All of them come from closed lists, so that a client cannot prevent the sharing with random
    values. Noise is counted separately, so it shares no row with anything else.
    """
    values = (attempt[name] for name in ("method", "reason", "detail", "status"))
    return *tally_key(attempt), *values, is_noise(attempt)
