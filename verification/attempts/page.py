"""A page of the attempts that a filter wants, the newest first, found by key at any size."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.db import connection, transaction

from verification.attempts.filter import AttemptFilter
from verification.attempts.index import NONE, AttemptIndex
from verification.models import OfficialAccount, VerificationAttempt
from verification.protocol.enums import Kind, Outcome, Reason

SIZE = 50
# The planner takes the index, a BRIN of Bloom filters, for one that leaves nothing out, and would
# prepare more for that than the search then takes.
TRUST_BRIN = """
SET LOCAL enable_seqscan = off; SET LOCAL enable_indexscan = off;
SET LOCAL jit = off; SET LOCAL max_parallel_workers_per_gather = 0"""


@dataclass(frozen=True)
class Page:
    attempts: list[VerificationAttempt]
    older: int | None  #: what ?before= continues with
    newer: int | None  #: what ?after= does


def find_page(filters: AttemptFilter, before: int | None = None, after: int | None = None) -> Page:
    ids = filters.ids()
    if after is not None:
        found = find_ids(filters, range(max(ids.start, after + 1), ids.stop), "ASC")
        if not found:
            return find_page(filters)
        shown = found[:SIZE][::-1]
        return load(shown, has_older=True, has_newer=len(found) > SIZE)
    end = ids.stop if before is None else min(ids.stop, before)
    found = find_ids(filters, range(ids.start, end), "DESC")
    return load(found[:SIZE], has_older=len(found) > SIZE, has_newer=before is not None)


def load(ids: list[int], *, has_older: bool, has_newer: bool) -> Page:
    attempts = VerificationAttempt.objects.filter(id__in=ids).select_related("account")
    return Page(
        attempts=list(attempts.order_by("-id")),
        older=ids[-1] if ids and has_older else None,
        newer=ids[0] if ids and has_newer else None,
    )


def find_ids(filters: AttemptFilter, ids: range, order: str) -> list[int]:
    """One more than a page, if there are so many."""
    if not ids or not filters.is_search_understood:
        return []
    if filters.search:
        return search(filters, ids, order)
    index = index_of(filters)
    find = index.oldest if order == "ASC" else index.newest
    return find(SIZE + 1, ids)[: SIZE + 1]


def search(filters: AttemptFilter, ids: range, order: str) -> list[int]:
    found = VerificationAttempt.objects.filter(
        filters.condition(), id__gte=ids.start, id__lt=ids.stop
    )
    if filters.request_id:
        found = found.filter(id__in=ids_with(filters.request_id))
    key = "id" if order == "ASC" else "-id"
    return list(found.order_by(key).values_list("id", flat=True)[: SIZE + 1])


def ids_with(request_id: UUID) -> list[int]:
    same = VerificationAttempt.objects.filter(request_id=request_id).order_by()
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(TRUST_BRIN)
        return list(same.values_list("id", flat=True))


def index_of(filters: AttemptFilter) -> AttemptIndex:
    """Return the keys of the index that the filter's attempts have."""
    if filters.account is None:
        accounts = [NONE, *OfficialAccount.objects.order_by().values_list("id", flat=True)]
    else:
        accounts = [filters.account_number or NONE]
    kinds = [filters.kind] if filters.kind else [Kind.URL_VERIFICATION, Kind.MESSAGE_PUSH]
    reasons: list[int] = []
    if filters.outcome is not Outcome.REFUSED and not filters.reason:
        reasons.append(NONE)
    if filters.outcome is not Outcome.ACCEPTED:
        reasons += [filters.reason] if filters.reason else [*Reason]
    return AttemptIndex(accounts, kinds, reasons, filters.is_noise)
