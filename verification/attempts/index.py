"""Finds the newest or oldest attempts of accounts, kinds and reasons, in a log of any size.

PostgreSQL has one index, `attempt_strand`, of two small numbers: a key, which packs account, noise,
kind and reason, and the attempt's id. Within a key, attempts are in order. The newest attempts of
many keys are among the newest of each key, so this index serves every filter of the list.

Four columns and the id would make each entry 28 to 36 bytes long instead of 20, for ten million
attempts and more. SQLite holds small logs, and ranks the attempts of each key without an index.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import cache
from itertools import product
from typing import Any

from django.db import connection
from django.db.models import F, Q, QuerySet, Window
from django.db.models.functions import Coalesce, RowNumber

from verification.models import VerificationAttempt
from verification.models.noise import NOISE
from verification.protocol.enums import Kind, Reason

TABLE = VerificationAttempt._meta.db_table
#: Stands for the account of an attempt without one, and for the reason of an accepted attempt.
NONE = 0
ALL_REASONS = (NONE, *(reason.value for reason in Reason))

#: Bits of a key, from the right: reason, kind, one for noise. The account has the rest of 31.
REASON_BITS, KIND_BITS = 4, 2
ACCOUNT_LIMIT = 1 << 31 - REASON_BITS - KIND_BITS - 1
#: The index holds this many bits of an id. Beyond two billion attempts the list would be out of
#: order; recording does not depend on it.
ID_LIMIT = (1 << 31) - 1
INDEXED_ID = f"((id & {ID_LIMIT})::int)"
ALL_IDS = range(1, ID_LIMIT)

FIND = f"""
SELECT found.id FROM unnest(%s::int[]) AS chosen (key), LATERAL (
    SELECT id FROM {TABLE}
    WHERE {{key}} = chosen.key AND {INDEXED_ID} >= %s AND {INDEXED_ID} < %s
    ORDER BY {INDEXED_ID} {{order}} LIMIT %s) AS found
ORDER BY found.id {{order}}"""


FIND_ANY = f"""
SELECT found.id FROM unnest(%s::int[]) AS chosen (key), LATERAL (
    SELECT id FROM {TABLE}
    WHERE {{key}} = chosen.key AND {INDEXED_ID} >= %s AND {INDEXED_ID} < %s
    ORDER BY {INDEXED_ID} LIMIT %s) AS found
LIMIT %s"""


def require_bits(members: type[IntEnum], bits: int) -> None:
    """Raise AssertionError if a member does not fit: keys would overlap, and lists would be wrong.

    More bits need a migration that creates the index again with the SQL of key_sql().
    """
    assert max(members) < 1 << bits, f"{members.__name__} needs more than {bits} bits of a key."


require_bits(Kind, KIND_BITS)
require_bits(Reason, REASON_BITS)


@dataclass(frozen=True)
class AttemptIndex:
    """Finds attempts of these accounts, kinds and reasons: noise only, without it, or with it."""

    accounts: Sequence[int]
    kinds: Iterable[Kind]
    reasons: Iterable[int] = ALL_REASONS
    is_noise: bool | None = False  #: None for both

    def newest(self, per_key: int, ids: range = ALL_IDS) -> list[int]:
        """Return the ids of the newest `per_key` attempts of each key, newest first."""
        return self._find(per_key, ids, "DESC")

    def oldest(self, per_key: int, ids: range = ALL_IDS) -> list[int]:
        """Return the ids of the oldest `per_key` attempts of each key, oldest first."""
        return self._find(per_key, ids, "ASC")

    def at_most(self, limit: int, ids: range = ALL_IDS) -> list[int]:
        """Return the ids of all these attempts, or of any `limit` of them if there are more."""
        if connection.vendor != "postgresql":
            return list(self._attempts(ids).values_list("id", flat=True)[:limit])
        key, parameters = key_sql()
        values = [[*self._keys()], *parameters, ids.start, ids.stop, limit, limit]
        with connection.cursor() as cursor:
            cursor.execute(FIND_ANY.format(key=key), values)
            return [row[0] for row in cursor.fetchall()]

    def _find(self, per_key: int, ids: range, order: str) -> list[int]:
        if connection.vendor != "postgresql":
            return self._find_by_rank(per_key, ids, order)
        key, parameters = key_sql()
        values = [[*self._keys()], *parameters, ids.start, ids.stop, per_key]
        with connection.cursor() as cursor:
            cursor.execute(FIND.format(key=key, order=order), values)
            return [row[0] for row in cursor.fetchall()]

    def _keys(self) -> Iterator[int]:
        noise = [False, True] if self.is_noise is None else [self.is_noise]
        for account, is_noise, kind, reason in product(
            self.accounts, noise, self.kinds, self.reasons
        ):
            key = (account << 1) + is_noise
            key = (key << KIND_BITS) + kind
            yield (key << REASON_BITS) + reason

    def _find_by_rank(self, per_key: int, ids: range, order: str) -> list[int]:
        direction = "id" if order == "ASC" else "-id"
        key = ["account", "kind", "reason"]
        rank = Window(RowNumber(), partition_by=key, order_by=direction)
        first = (
            self._attempts(ids).annotate(rank=rank).filter(rank__lte=per_key).order_by(direction)
        )
        return list(first.values_list("id", flat=True))

    def _attempts(self, ids: range) -> QuerySet[VerificationAttempt]:
        attempts = VerificationAttempt.objects.alias(
            account_or_none=Coalesce(F("account"), NONE), reason_or_none=Coalesce(F("reason"), NONE)
        ).filter(
            Q(account_or_none__in=self.accounts, kind__in=[*self.kinds]),
            Q(reason_or_none__in=[*self.reasons], id__gte=ids.start, id__lt=ids.stop),
        )
        if self.is_noise is None:
            return attempts
        return attempts.filter(NOISE if self.is_noise else ~NOISE)


@cache
def key_sql() -> tuple[str, list[Any]]:
    """Return the SQL of an attempt's key, and its parameters.

    PostgreSQL uses the index only for an expression that is written as in the index.
    """
    query = VerificationAttempt.objects.filter(NOISE).query
    noise, parameters = query.where.as_sql(query.get_compiler(connection=connection), connection)
    key = f"(COALESCE(account_id, 0) << 1) + CASE WHEN {noise} THEN 1 ELSE 0 END"
    key = f"(({key}) << {KIND_BITS}) + kind"
    key = f"(({key}) << {REASON_BITS}) + COALESCE(reason, 0)"
    return f"({key})", list(parameters)
