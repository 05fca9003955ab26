"""Tallies against the attempts that they count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum
from io import BytesIO
from operator import itemgetter

from django.db import connection
from django.db.models import Q
from django.utils.translation import gettext as _

from verification.columns import COLUMNS_BY_VERSION, encode_time
from verification.models import Tally
from verification.protocol.words import Kind, Outcome

Key = tuple[bytes, bytes, bytes, bytes]  #: account id, hour as 2026-11-23 10, kind, outcome
COUNTED = ("account_id", "recorded_at", "kind", "outcome", "occurrences")
ON_THE_HOUR = b":00:00+00"
#: Accepted pushes have no rows to add up.
NOT_ROWS = {"kind": Kind.MESSAGE_PUSH.value, "outcome": Outcome.ACCEPTED.value}


@dataclass
class Count:
    """Occurrences by hour, of all attempts or of those in some time."""

    totals: Counter[Key] = field(default_factory=Counter)
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
        pick, width = itemgetter(*places), max(places) + 1
        # A million times: no column is split that is not counted, and what occurred once, as
        # nearly all did, is counted by the Counter itself.
        counted = [pick(line.split(b"\t", width)) for line in lines]
        self.totals.update([(it[0], it[1][:13], it[2], it[3]) for it in counted])
        for account, time, kind, outcome, occurrences in counted:
            if occurrences != b"1":
                self.totals[account, time[:13], kind, outcome] += int(occurrences) - 1

    def agrees(self, key: Key, said: int) -> bool:
        """Whether the attempts can add up to what a tally says."""
        total, hour = self.totals[key], key[1]
        is_whole = (self.after is None or hour > hour_of(self.after)) and (
            self.before is None or hour < hour_of(self.before)
        )
        return total == said if is_whole else total <= said


def wrong_tallies(count: Count) -> Iterator[str]:
    """Tallies that are not the sum of their rows, and rows that no tally counts."""
    uncounted = set(count.totals)
    wrong: list[tuple[Key, int]] = []
    for line in tally_lines():
        account, time, kind, outcome, number = line.split(b"\t")
        key, said = (account, time.removesuffix(ON_THE_HOUR), kind, outcome), int(number)
        uncounted.discard(key)
        if not count.agrees(key, said):
            wrong.append((key, said))
    wrong += [(key, 0) for key in uncounted]
    for key, said in sorted(wrong, key=lambda it: (it[0][1], it)):
        yield _say(key, said, count.totals[key])


def hour_of(moment: datetime) -> bytes:
    return encode_time(moment)[: len("2026-11-23 10")].encode()


def tally_lines() -> Iterable[bytes]:
    """Account, hour, kind, outcome, count: as canonical lines spell them."""
    if connection.vendor == "postgresql":
        return _copy_tallies()
    tallies = Tally.objects.filter(~Q(**NOT_ROWS)).order_by()
    return [
        b"%s\t%s\t%d\t%d\t%d"
        % (
            b"\\N" if tally.account_id is None else b"%d" % tally.account_id,
            encode_time(tally.hour).encode(),
            *(tally.kind, tally.outcome, tally.count),
        )
        for tally in tallies.iterator()
    ]


def _copy_tallies() -> Iterable[bytes]:
    rows = (
        f"SELECT account_id, hour, kind, outcome, count FROM {Tally._meta.db_table}"
        f" WHERE NOT (kind = {NOT_ROWS['kind']:d} AND outcome = {NOT_ROWS['outcome']:d})"
        " ORDER BY hour, id"
    )
    out = BytesIO()
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL timezone = 'UTC'")
        cursor.copy_expert(f"COPY ({rows}) TO STDOUT", out)
    return out.getvalue().splitlines()


def _say(key: Key, count: int, total: int) -> str:
    account, hour, kind, outcome = (part.decode() for part in key)
    return _(
        "The tally of account {account} at {hour}:00 UTC ({kind}, {outcome}) says {count}, "
        "but its attempts add up to {total}."
    ).format(
        account="–" if account == "\\N" else account,
        hour=hour,
        kind=_name(Kind, kind),
        outcome=_name(Outcome, outcome),
        count=count,
        total=total,
    )


def _name(words: type[IntEnum], number: str) -> str:
    """Its spelling in exports, or the number where somebody wrote one that means nothing."""
    return {str(word.value): word.name.lower() for word in words}.get(number, number)
