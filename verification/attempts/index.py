"""Attempts of an account, a kind and a reason, the newest first: found at any size.

Together they are a strand, in which attempts are in order. A few of each strand are enough to know
the newest of many, so one index serves every filter of the list. On PostgreSQL it holds two small
numbers a row, strand and id: a quarter less than the columns would take. (As one number they would
take no less, but PostgreSQL leaves half of each page empty where one-column indexes do not grow at
their end.)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Any

from django.db import connection
from django.db.models import F, Q, Window
from django.db.models.functions import Coalesce, RowNumber

from verification.models import VerificationAttempt
from verification.models.attempt import NOISE
from verification.protocol.enums import Kind, Reason

TABLE = VerificationAttempt._meta.db_table
#: Instead of an account where there is none, and of a reason where nothing was refused.
NOTHING = 0
REASONS = [NOTHING, *(reason.value for reason in Reason)]
#: Bits of a strand's number: a reason, a kind, noise or not, and the rest an account.
REASON, KIND = 4, 2
ACCOUNTS = 1 << 31 - REASON - KIND - 1
#: Of an id, the bits that are in the index. More than two billion attempts would be out of order
#: in the list, and recorded all the same.
MOST = (1 << 31) - 1
PLACE = f"((id & {MOST})::int)"
EVERY = range(1, MOST)

FIND = f"""
SELECT found.id FROM unnest(%s::int[]) AS strand (number), LATERAL (
    SELECT id FROM {TABLE}
    WHERE {{number}} = strand.number AND {PLACE} >= %s AND {PLACE} < %s
    ORDER BY {PLACE} {{order}} LIMIT %s) AS found
ORDER BY found.id {{order}}"""


@dataclass(frozen=True)
class Strands:
    accounts: Sequence[int]
    kinds: Iterable[Kind]
    reasons: Iterable[int] = tuple(REASONS)
    is_noise: bool = False

    def newest(self, each: int, ids: range = EVERY) -> list[int]:
        """Ids of the newest so many of each strand, the newest first."""
        return self._find(each, ids, "DESC")

    def oldest(self, each: int, ids: range = EVERY) -> list[int]:
        """Ids of the oldest so many of each strand, the oldest first."""
        return self._find(each, ids, "ASC")

    def _find(self, each: int, ids: range, order: str) -> list[int]:
        if connection.vendor != "postgresql":
            return self._find_by_rank(each, ids, order)
        number, noise = compile_number()
        bounds = [[*self._numbers()], *noise, ids.start, ids.stop, each]
        with connection.cursor() as cursor:
            cursor.execute(FIND.format(number=number, order=order), bounds)
            return [row[0] for row in cursor.fetchall()]

    def _numbers(self) -> Iterator[int]:
        for account, kind, reason in product(self.accounts, self.kinds, self.reasons):
            yield ((account << 1 | self.is_noise) << KIND | kind) << REASON | reason

    def _find_by_rank(self, each: int, ids: range, order: str) -> list[int]:
        """With a look at all of them, which a small log bears."""
        way = "id" if order == "ASC" else "-id"
        place = Window(RowNumber(), partition_by=["account", "kind", "reason"], order_by=way)
        found = self._rows().filter(id__gte=ids.start, id__lt=ids.stop).annotate(place=place)
        return list(found.filter(place__lte=each).order_by(way).values_list("id", flat=True))

    def _rows(self) -> Any:
        own = VerificationAttempt.objects.alias(
            of=Coalesce(F("account"), NOTHING), why=Coalesce(F("reason"), NOTHING)
        )
        noise = NOISE if self.is_noise else ~NOISE
        return own.filter(
            noise, Q(of__in=self.accounts, kind__in=[*self.kinds], why__in=[*self.reasons])
        )


@cache
def compile_number() -> tuple[str, list[Any]]:
    """As the index has it, or PostgreSQL does not use it."""
    query = VerificationAttempt.objects.filter(NOISE).query
    noise, parameters = query.where.as_sql(query.get_compiler(connection=connection), connection)
    owner = f"(COALESCE(account_id, 0) << 1) + CASE WHEN {noise} THEN 1 ELSE 0 END"
    number = f"(((({owner}) << {KIND}) + kind) << {REASON}) + COALESCE(reason, 0)"
    return f"({number})", list(parameters)
