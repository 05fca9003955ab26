"""Tallies against the attempts that they count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from io import BytesIO
from operator import itemgetter
from typing import Any

from django.db import connection
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from verification.audit_log.canonical import COLUMNS_BY_VERSION, encode_time
from verification.models import Tally
from verification.models.noise import is_noise
from verification.protocol.enums import Kind, Outcome, Term

Key = tuple[bytes, bytes, bytes, bytes]  #: account id, hour as 2026-11-23 10, kind, outcome
COUNTED = (
    *("account_id", "recorded_at", "kind", "outcome", "occurrences"),
    *("reason", "marks", "signature"),
)
AGENT = "user_agent"
NULL = b"\\N"
ON_THE_HOUR = b":00:00+00"
#: Accepted pushes have no rows to add up.
NOT_ROWS = {"kind": Kind.MESSAGE_PUSH.value, "outcome": Outcome.ACCEPTED.value}
WRONG_COUNT = _(
    "The tally of account {account} at {hour}:00 UTC ({kind}, {outcome}) says {count}, "
    "but its attempts add up to {total}."
)
WRONG_NOISE = _(
    "The tally of account {account} at {hour}:00 UTC ({kind}, {outcome}) says that {count} were "
    "internet noise, but {total} of its attempts were."
)


@dataclass
class Count:
    """Occurrences by hour, of all attempts or of those in some time."""

    totals: Counter[Key] = field(default_factory=Counter)
    noise: Counter[Key] = field(default_factory=Counter)  #: how much of them is internet noise
    #: Where the counting began and stopped, if not with the log. Of these hours, and of all beyond
    #: them, only a part was counted, or nothing.
    after: datetime | None = None
    before: datetime | None = None

    def add(self, lines: Sequence[bytes], version: int) -> None:
        """Count canonical lines."""
        if not lines:
            return
        names = list(COLUMNS_BY_VERSION[version])
        places = [names.index(name) for name in COUNTED]
        pick, width, behind = itemgetter(*places), max(places) + 1, len(names) - names.index(AGENT)
        # A million times: no column is split that is not counted, and what occurred once, as
        # nearly all did, is counted by the Counter itself.
        counted = [pick(line.split(b"\t", width)) for line in lines]
        keys: list[Key] = [(it[0], it[1][:13], it[2], it[3]) for it in counted]
        self.totals.update(keys)
        for line, key, columns in zip(lines, keys, counted, strict=True):
            occurrences, reason, marks, signature = columns[4:]
            if occurrences != b"1":
                self.totals[key] += int(occurrences) - 1
            if reason != NULL:
                agent = line.rsplit(b"\t", behind)[1]
                if _is_noise(reason, marks, signature == NULL, agent):
                    self.noise[key] += int(occurrences)

    def agrees(self, hour: bytes, total: int, said: int) -> bool:
        """Whether what was counted of an hour can come to what a tally says."""
        is_whole = (self.after is None or hour > hour_of(self.after)) and (
            self.before is None or hour < hour_of(self.before)
        )
        return total == said if is_whole else total <= said


def wrong_tallies(count: Count) -> Iterator[str]:
    """Tallies that are not the sum of their rows, and rows that no tally counts."""
    uncounted = set(count.totals)
    wrong: list[tuple[Key, Any, int, int]] = []
    for line in tally_lines():
        account, time, kind, outcome, number, noise = line.split(b"\t")
        key = (account, time.removesuffix(ON_THE_HOUR), kind, outcome)
        uncounted.discard(key)
        for sentence, said, total in (
            (WRONG_COUNT, int(number), count.totals[key]),
            (WRONG_NOISE, int(noise), count.noise[key]),
        ):
            if not count.agrees(key[1], total, said):
                wrong.append((key, sentence, said, total))
    wrong += [(key, WRONG_COUNT, 0, count.totals[key]) for key in uncounted]
    for key, sentence, said, total in sorted(wrong, key=lambda it: (it[0][1], it[0])):
        yield _say(str(sentence), key, said, total)


@lru_cache(maxsize=10_000)
def _is_noise(reason: bytes, marks: bytes, is_unsigned: bool, agent: bytes) -> bool:
    """Of what was refused; most of it is like something before."""
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
    return encode_time(moment)[: len("2026-11-23 10")].encode()


def tally_lines() -> Iterable[bytes]:
    """Account, hour, kind, outcome, count, noise: as canonical lines spell them."""
    if connection.vendor == "postgresql":
        return _copy_tallies()
    tallies = Tally.objects.filter(~Q(**NOT_ROWS)).order_by()
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
    rows = (
        f"SELECT account_id, hour, kind, outcome, count, noise FROM {Tally._meta.db_table}"
        f" WHERE NOT (kind = {NOT_ROWS['kind']:d} AND outcome = {NOT_ROWS['outcome']:d})"
        " ORDER BY hour, id"
    )
    out = BytesIO()
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL timezone = 'UTC'")
        cursor.copy_expert(f"COPY ({rows}) TO STDOUT", out)
    return out.getvalue().splitlines()


def _say(sentence: str, key: Key, count: int, total: int) -> str:
    account, hour, kind, outcome = (part.decode() for part in key)
    return sentence.format(
        account="–" if key[0] == NULL else account,
        hour=hour,
        kind=_name(Kind, kind),
        outcome=_name(Outcome, outcome),
        count=count,
        total=total,
    )


def _name(terms: type[Term], number: str) -> str:
    """Its spelling in exports, or the number where somebody wrote one that means nothing."""
    return {str(term.value): term.label for term in terms}.get(number, number)
