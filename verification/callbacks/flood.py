"""Whose refusals and repeats still get rows of their own.

Anyone can call a server URL, as often as they like, and the database has an end. So the first few
of a minute are recorded one by one; equal ones beyond that share a row that counts them.
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

#: Rows of their own, a minute: for the refusals of one source, and for what one signature was
#: accepted for.
OWN_ROWS = 20
#: And for the refusals of all sources together; beyond it, rows are shared whatever the source.
ROWS_OF_ALL = 600
#: What was accepted is remembered by its signature, so many of them: about a megabyte.
MOST_SIGNATURES = 4_096


class Flood:
    """Counts what was recorded in this minute, or nearly was. Of this process alone: it bounds
    what is written, and nothing that must be right depends on it."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        self.minute = 0
        self.refused: Counter[str] = Counter()
        self.accepted: Counter[bytes] = Counter()
        self.rows = 0

    def is_suspect(self, callback: Callback) -> bool:
        """Whether it could be one too many; what it is worth, only its verdict tells."""
        self.begin_minute()
        return (
            self.rows >= ROWS_OF_ALL
            or self.refused[source_of(callback.client_ip)] >= OWN_ROWS
            or self.accepted[callback.signature or b""] >= OWN_ROWS
        )

    def share(self, callback: Callback, verdict: Verdict) -> Hashable:
        """As shared_by(), and a row of its own is spent with it."""
        self.begin_minute()
        by = self.shared_by(callback, verdict)
        if by is None:
            self.consume(callback, verdict)
        return by

    def shared_by(self, callback: Callback, verdict: Verdict) -> Hashable:
        """What those have in common that it shares a row with; None for a row of its own."""
        if verdict.outcome is Outcome.ACCEPTED:
            signature = callback.signature or b""
            return signature if self.accepted[signature] >= OWN_ROWS else None
        if self.rows >= ROWS_OF_ALL:
            return "all"
        source = source_of(callback.client_ip)
        return source if self.refused[source] >= OWN_ROWS else None

    def consume(self, callback: Callback, verdict: Verdict) -> None:
        if verdict.outcome is Outcome.REFUSED:
            self.refused[source_of(callback.client_ip)] += 1
            self.rows += 1
        elif callback.kind is not Kind.MESSAGE_PUSH:  # an accepted one has no row
            if len(self.accepted) >= MOST_SIGNATURES:
                self.accepted.clear()
            self.accepted[callback.signature or b""] += 1

    def begin_minute(self) -> None:
        minute = int(monotonic() // 60)
        if minute != self.minute:
            self.forget()
            self.minute = minute


@lru_cache(maxsize=1024)
def source_of(client_ip: str | None) -> str:
    """Whom an address belongs to: of IPv6, who has one has the 2**64 around it as well."""
    if client_ip is None or ":" not in client_ip:
        return client_ip or ""
    return str(ipaddress.ip_network((client_ip, 64), strict=False))


def coalesce(attempts: Iterable[Attempt], shared_by: Iterable[Hashable]) -> list[Attempt]:
    """The attempts, of which those that share a row are one: the first, which counts the others."""
    coalesced: dict[Hashable, Attempt] = {}
    for number, (attempt, by) in enumerate(zip(attempts, shared_by, strict=True)):
        key = number if by is None else (by, *equality(attempt))
        first = coalesced.setdefault(key, attempt)
        if first is not attempt:
            first["occurrences"] += 1
            if first["client_ip"] != attempt["client_ip"]:
                first["client_ip"] = None  # of several addresses, none
    return [*coalesced.values()]


def equality(attempt: Values) -> tuple[Hashable, ...]:
    closed_lists = (attempt[name] for name in ("method", "reason", "detail", "status"))
    return *tally_key(attempt), *closed_lists, is_noise(attempt)
