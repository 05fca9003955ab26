"""A page of the attempts that a filter wants, the newest first, found by key at any size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db import connection

from verification.attempt_filter import NO_ACCOUNT, AttemptFilter
from verification.models import OfficialAccount, VerificationAttempt
from verification.models.attempt import NOISE
from verification.protocol.words import Kind, Outcome, Reason

SIZE = 50
TABLE = VerificationAttempt._meta.db_table
# Each strand of the index is in order, so a few of each are enough to know the newest of all.
FIND = f"""
SELECT found.id FROM unnest(%s::int[]) AS a(account), unnest(%s::smallint[]) AS k(kind),
    unnest(%s::smallint[]) AS r(reason), LATERAL (
        SELECT id FROM {TABLE}
        WHERE COALESCE(account_id, 0) = a.account AND kind = k.kind
            AND COALESCE(reason, 0::smallint) = r.reason AND id >= %s AND id < %s AND {{condition}}
        ORDER BY id {{order}} LIMIT %s) AS found
ORDER BY found.id {{order}} LIMIT %s"""
#: In the index, for an account that there is none of, and for no reason.
NOTHING = 0


@dataclass(frozen=True)
class Page:
    attempts: list[VerificationAttempt]
    older: int | None  #: what ?before= continues with
    newer: int | None  #: what ?after= does


def find_page(wanted: AttemptFilter, before: int | None = None, after: int | None = None) -> Page:
    ids = wanted.ids()
    if after is not None:
        found = find_ids(wanted, range(max(ids.start, after + 1), ids.stop), "ASC")
        shown = found[:SIZE][::-1]
        return load(shown, has_older=True, has_newer=len(found) > SIZE)
    end = ids.stop if before is None else min(ids.stop, before)
    found = find_ids(wanted, range(ids.start, end), "DESC")
    return load(found[:SIZE], has_older=len(found) > SIZE, has_newer=before is not None)


def load(ids: list[int], *, has_older: bool, has_newer: bool) -> Page:
    attempts = VerificationAttempt.objects.filter(id__in=ids).select_related("account")
    return Page(
        attempts=list(attempts.order_by("-id")),
        older=ids[-1] if ids and has_older else None,
        newer=ids[0] if ids and has_newer else None,
    )


def find_ids(wanted: AttemptFilter, ids: range, order: str) -> list[int]:
    """One more than a page, if there are so many."""
    if not ids or not wanted.is_search_understood:
        return []
    if connection.vendor == "postgresql" and not wanted.search and not wanted.is_noise:
        return find_in_strands(wanted, ids, order)
    attempts = VerificationAttempt.objects.filter(
        wanted.condition(), id__gte=ids.start, id__lt=ids.stop
    )
    key = "id" if order == "ASC" else "-id"
    return list(attempts.order_by(key).values_list("id", flat=True)[: SIZE + 1])


def find_in_strands(wanted: AttemptFilter, ids: range, order: str) -> list[int]:
    condition, parameters = no_noise()
    strands = [accounts_of(wanted), kinds_of(wanted), reasons_of(wanted)]
    limits = [ids.start, ids.stop, *parameters, SIZE + 1, SIZE + 1]
    with connection.cursor() as cursor:
        cursor.execute(FIND.format(condition=condition, order=order), [*strands, *limits])
        return [row[0] for row in cursor.fetchall()]


def no_noise() -> tuple[str, list[Any]]:
    """As the index has it, or PostgreSQL does not use it."""
    query = VerificationAttempt.objects.filter(~NOISE).query
    compiler = query.get_compiler(connection=connection)
    sql, parameters = query.where.as_sql(compiler, connection)
    return sql, list(parameters)


def accounts_of(wanted: AttemptFilter) -> list[int]:
    if wanted.account == NO_ACCOUNT:
        return [NOTHING]
    if wanted.account is not None:
        return [int(wanted.account)]
    return [NOTHING, *OfficialAccount.objects.order_by().values_list("id", flat=True)]


def kinds_of(wanted: AttemptFilter) -> list[int]:
    others = {Kind.URL_VERIFICATION, Kind.MESSAGE_PUSH}
    return [kind.value for kind in ([wanted.kind] if wanted.kind else others)]


def reasons_of(wanted: AttemptFilter) -> list[int]:
    accepted = [NOTHING] if wanted.outcome is not Outcome.REFUSED and not wanted.reason else []
    if wanted.outcome is Outcome.ACCEPTED:
        return accepted
    return accepted + [reason.value for reason in Reason if wanted.reason in {None, reason}]
