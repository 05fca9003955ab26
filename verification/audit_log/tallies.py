"""Compares the tallies with the attempts that they count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from operator import itemgetter
from typing import Any

from django.db import connection
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from verification.audit_log.canonical import COLUMNS_BY_VERSION, encode_time
from verification.audit_log.reader import copy_to_text
from verification.models import Tally
from verification.models.noise import is_noise
from verification.protocol.enums import Kind, Outcome, Term

Key = tuple[bytes, bytes, bytes, bytes]  #: account id, hour as 2026-11-23 10, kind, outcome
COUNTED_COLUMNS = (
    *("account_id", "recorded_at", "kind", "outcome", "occurrences"),
    *("reason", "marks", "signature"),
)
AGENT = "user_agent"
NULL = b"\\N"
ON_THE_HOUR = b":00:00+00"
#: Accepted pushes are tallied only, so there are no attempts to compare their tallies with.
ACCEPTED_PUSHES = {"kind": Kind.MESSAGE_PUSH.value, "outcome": Outcome.ACCEPTED.value}
WRONG_COUNT = _(
    "The tally of account {account} at {hour}:00 UTC ({kind}, {outcome}) says {count}, "
    "but its attempts add up to {total}."
)
WRONG_NOISE = _(
    "The tally of account {account} at {hour}:00 UTC ({kind}, {outcome}) says that {count} were "
    "internet noise, but {total} of its attempts were."
)


@dataclass
class AttemptTotals:
    """Adds up the occurrences of attempts by hour, of the whole log or of a part of it."""

    counts: Counter[Key] = field(default_factory=Counter)
    noise: Counter[Key] = field(default_factory=Counter)  #: how many of them are internet noise
    #: The times at which a part of the log begins and ends, None where the log itself does. The
    #: hours of these times are added up in part, and hours beyond them not at all.
    after: datetime | None = None
    before: datetime | None = None

    def add(self, lines: Sequence[bytes], version: int) -> None:
        """Add the attempts of canonical lines, which all have this version."""
        if not lines:
            return
        names = list(COLUMNS_BY_VERSION[version])
        positions = [names.index(name) for name in COUNTED_COLUMNS]
        pick, width = itemgetter(*positions), max(positions) + 1
        width_from_agent = len(names) - names.index(AGENT)
        # This runs for millions of lines. It splits off only the columns that it needs, and lets
        # Counter.update() count the attempts that occurred once, which nearly all did.
        counted = [pick(line.split(b"\t", width)) for line in lines]
        keys: list[Key] = [(row[0], row[1][:13], row[2], row[3]) for row in counted]
        self.counts.update(keys)
        for line, key, columns in zip(lines, keys, counted, strict=True):
            occurrences, reason, marks, signature = columns[4:]
            if occurrences != b"1":
                self.counts[key] += int(occurrences) - 1
            if reason != NULL:
                agent = line.rsplit(b"\t", width_from_agent)[1]
                if _is_noise(reason, marks, signature == NULL, agent):
                    self.noise[key] += int(occurrences)

    def agrees(self, hour: bytes, total: int, tallied: int) -> bool:
        """Return whether the `total` of an hour agrees with the number that a tally holds.

        In an hour that was added up in part, the total may be lower.
        """
        is_whole = (self.after is None or hour > hour_of(self.after)) and (
            self.before is None or hour < hour_of(self.before)
        )
        return total == tallied if is_whole else total <= tallied


def find_wrong_tallies(totals: AttemptTotals) -> Iterator[str]:
    """Yield a sentence for each tally that differs from the sum of its attempts, by hour.

    Attempts without a tally are reported as a tally of 0.
    """
    uncounted = set(totals.counts)
    wrong: list[tuple[Key, Any, int, int]] = []
    for line in tally_lines():
        account, time, kind, outcome, number, noise = line.split(b"\t")
        key = (account, time.removesuffix(ON_THE_HOUR), kind, outcome)
        uncounted.discard(key)
        for sentence, tallied, total in (
            (WRONG_COUNT, int(number), totals.counts[key]),
            (WRONG_NOISE, int(noise), totals.noise[key]),
        ):
            if not totals.agrees(key[1], total, tallied):
                wrong.append((key, sentence, tallied, total))
    wrong += [(key, WRONG_COUNT, 0, totals.counts[key]) for key in uncounted]
    for key, sentence, tallied, total in sorted(wrong, key=lambda row: (row[0][1], row[0])):
        yield _format_problem(str(sentence), key, tallied, total)


@lru_cache(maxsize=10_000)
def _is_noise(reason: bytes, marks: bytes, is_unsigned: bool, agent: bytes) -> bool:
    """Return whether a refused attempt is internet noise.

    Few combinations of values occur, so most calls are answered from the cache.
    """
    return is_noise(
        {
            "outcome": Outcome.REFUSED,
            "reason": int(reason),
            "marks": int(marks),
            "signature": None if is_unsigned else b"",
            "user_agent": agent.decode(),
        }
    )


def hour_of(moment: datetime) -> bytes:
    """Return the hour of a moment in UTC, as keys hold it."""
    return encode_time(moment)[: len("2026-11-23 10")].encode()


def tally_lines() -> Iterable[bytes]:
    """Return a line for each tally: account, hour, kind, outcome, count and noise.

    The values are separated by tabs and spelled as in canonical lines. The tallies of accepted
    pushes are left out.
    """
    if connection.vendor == "postgresql":
        return _copy_tallies()
    tallies = Tally.objects.filter(~Q(**ACCEPTED_PUSHES)).order_by()
    return [
        b"%s\t%s\t%d\t%d\t%d\t%d"
        % (
            NULL if tally.account_id is None else b"%d" % tally.account_id,
            encode_time(tally.hour).encode(),
            *(tally.kind, tally.outcome, tally.count, tally.noise),
        )
        for tally in tallies.iterator()
    ]


def _copy_tallies() -> Iterable[bytes]:
    kind, outcome = ACCEPTED_PUSHES["kind"], ACCEPTED_PUSHES["outcome"]
    rows = (
        f"SELECT account_id, hour, kind, outcome, count, noise FROM {Tally._meta.db_table}"
        f" WHERE NOT (kind = {kind:d} AND outcome = {outcome:d}) ORDER BY hour, id"
    )
    return copy_to_text(rows).splitlines()


def _format_problem(sentence: str, key: Key, count: int, total: int) -> str:
    account, hour, kind, outcome = (part.decode() for part in key)
    return sentence.format(
        account="–" if key[0] == NULL else account,
        hour=hour,
        kind=_label(Kind, kind),
        outcome=_label(Outcome, outcome),
        count=count,
        total=total,
    )


def _label(terms: type[Term], number: str) -> str:
    """Return the label of a number, or the number itself if no member has it."""
    return {str(term.value): term.label for term in terms}.get(number, number)
