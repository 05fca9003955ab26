"""Tallies against the attempts that they count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from operator import itemgetter

from django.db.models import Q
from django.utils.translation import gettext as _

from verification.columns import COLUMNS_BY_VERSION
from verification.models import Tally
from verification.protocol.words import Kind, Outcome

Key = tuple[bytes, ...]  #: account id, hour as 2026-11-23 10, kind, outcome: as lines spell them
COUNTED = ("account_id", "recorded_at", "kind", "outcome", "occurrences")


def count_lines(lines: Sequence[bytes], version: int, counted: Counter[Key]) -> None:
    """Add the occurrences of each line to the hour it is in."""
    if not lines:
        return
    names = list(COLUMNS_BY_VERSION[version])
    pick = itemgetter(*(names.index(name) for name in COUNTED))
    for line in lines:
        account, time, kind, outcome, occurrences = pick(line.split(b"\t"))
        counted[account, time[:13], kind, outcome] += int(occurrences)


def wrong_tallies(counted: Mapping[Key, int], start: datetime | None = None) -> Iterator[str]:
    """Tallies that are not the sum of their rows; accepted pushes have no rows to add up.

    Before `start` the rows were pruned, and in its hour some of them: there they are just no more.
    """
    is_row = ~Q(kind=Kind.MESSAGE_PUSH, outcome=Outcome.ACCEPTED)
    tallies = {key_of(tally): tally.count for tally in Tally.objects.filter(is_row).order_by()}
    pruned = hour_of(start) if start else b""
    for key in sorted(tallies.keys() | counted.keys(), key=str):
        left_out = key[1] <= pruned and counted.get(key, 0) <= tallies.get(key, 0)
        if not left_out and tallies.get(key) != counted.get(key):
            yield _say(key, tallies.get(key, 0), counted.get(key, 0))


def key_of(tally: Tally) -> Key:
    account = b"\\N" if tally.account_id is None else b"%d" % tally.account_id
    return account, hour_of(tally.hour), b"%d" % tally.kind, b"%d" % tally.outcome


def hour_of(moment: datetime) -> bytes:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H}".encode()


def _say(key: Key, count: int, total: int) -> str:
    account, hour, kind, outcome = (part.decode() for part in key if isinstance(part, bytes))
    return _(
        "The tally of account {account} at {hour}:00 UTC ({kind}, {outcome}) says {count}, "
        "but its attempts add up to {total}."
    ).format(
        account="–" if account == "\\N" else account,
        hour=hour,
        kind=Kind(int(kind)).name.lower(),
        outcome=Outcome(int(outcome)).name.lower(),
        count=count,
        total=total,
    )
