"""Reads one page of the attempts that a filter selects, newest first, in a log of any size."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.db import connection, transaction

from verification.attempts.filter import AttemptFilter, Noise
from verification.attempts.index import ID_LIMIT, NONE, AttemptIndex
from verification.audit_log.positions import first_id_since
from verification.models import OfficialAccount, VerificationAttempt
from verification.protocol.enums import Outcome, Reason
from verification.times import MINUTE, Span

SIZE = 50
#: Of a page around a moment, the rows that are later than it.
LATER = 10
SECOND = timedelta(seconds=1)
# The planner expects the index of request ids, a BRIN of Bloom filters, to match every row. Without
# these settings it would choose another plan, or take longer to prepare one than the search takes.
FORCE_BRIN = """
SET LOCAL enable_seqscan = off; SET LOCAL enable_indexscan = off;
SET LOCAL jit = off; SET LOCAL max_parallel_workers_per_gather = 0"""


@dataclass(frozen=True)
class Page:
    attempts: list[VerificationAttempt]
    older: int | None  #: the id for ?before=, which leads to the next older page
    newer: int | None  #: the id for ?after=, which leads to the next newer page


def find_page(filters: AttemptFilter, before: int | None = None, after: int | None = None) -> Page:
    """Return the attempts older than the id `before`, newer than the id `after`, or the newest."""
    ids = filters.ids()
    if after is not None:
        matching = find_ids(filters, range(max(ids.start, after + 1), ids.stop), "ASC", SIZE + 1)
        if not matching:
            return find_page(filters)
        shown = matching[:SIZE][::-1]
        return load(shown, has_older=True, has_newer=len(matching) > SIZE)
    end = end_of_first_page(filters, ids) if before is None else min(ids.stop, before)
    matching = find_ids(filters, range(ids.start, end), "DESC", SIZE + 1)
    return load(matching[:SIZE], has_older=len(matching) > SIZE, has_newer=end < ids.stop)


def end_of_first_page(filters: AttemptFilter, ids: range) -> int:
    """Return the first id after the page that the list opens with.

    It is the newest page, or the one that has the moment of the filter.
    """
    if filters.at is None or len(find_ids(filters, ids, "DESC", SIZE + 1)) <= SIZE:
        return ids.stop
    asked = SECOND if filters.at.second else MINUTE
    later = range(max(ids.start, first_id_since(filters.at + asked)), ids.stop)
    newest = find_ids(filters, later, "ASC", LATER)[-1:]
    return newest[0] + 1 if newest else ids.stop


def load(ids: list[int], *, has_older: bool, has_newer: bool) -> Page:
    attempts = VerificationAttempt.objects.filter(id__in=ids).select_related("account")
    return Page(
        attempts=list(attempts.order_by("-id")),
        older=ids[-1] if ids and has_older else None,
        newer=ids[0] if ids and has_newer else None,
    )


def find_ids(filters: AttemptFilter, ids: range, order: str, limit: int) -> list[int]:
    """Return the first ids in that order, at most `limit`."""
    if not ids or not filters.is_search_understood:
        return []
    if filters.search or filters.is_everything:
        return search(filters, ids, order, limit)
    index = index_of(filters)
    find = index.oldest if order == "ASC" else index.newest
    return find(limit, ids)[:limit]


def search(filters: AttemptFilter, ids: range, order: str, limit: int) -> list[int]:
    matching = VerificationAttempt.objects.filter(
        filters.condition(), id__gte=ids.start, id__lt=ids.stop
    )
    if filters.request_id:
        matching = matching.filter(id__in=ids_with(filters.request_id))
    key = "id" if order == "ASC" else "-id"
    return list(matching.order_by(key).values_list("id", flat=True)[:limit])


def ids_with(request_id: UUID) -> list[int]:
    attempts = VerificationAttempt.objects.filter(request_id=request_id).order_by()
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(FORCE_BRIN)
        return list(attempts.values_list("id", flat=True))


def index_of(filters: AttemptFilter) -> AttemptIndex:
    """Return the part of the index that holds the filter's attempts."""
    if filters.account is None:
        accounts = [NONE, *OfficialAccount.objects.order_by().values_list("id", flat=True)]
    else:
        accounts = [filters.account_number or NONE]
    reasons: list[int] = []
    if filters.outcome is not Outcome.REFUSED and not filters.reason:
        reasons.append(NONE)
    if filters.outcome is not Outcome.ACCEPTED:
        reasons += [filters.reason] if filters.reason else [*Reason]
    is_noise = None if filters.noise is Noise.SHOWN else filters.noise is Noise.ONLY
    return AttemptIndex(accounts, filters.kinds, reasons, is_noise)


@dataclass(frozen=True)
class Nearest:
    """Holds the attempts just before and just after a span of time, None where there is none."""

    before: VerificationAttempt | None
    after: VerificationAttempt | None


def find_nearest(filters: AttemptFilter, span: Span) -> Nearest | None:
    """Return the nearest attempts around the span that the filter selects in any period.

    Return None if it selects any of the span itself.
    """
    start, end = first_id_since(span.start), first_id_since(span.end)
    if find_ids(filters, range(start, end), "DESC", 1):
        return None
    earlier = find_ids(filters, range(1, start), "DESC", 1)
    later = find_ids(filters, range(end, ID_LIMIT), "ASC", 1)
    attempts = VerificationAttempt.objects.select_related("account").in_bulk([*earlier, *later])
    return Nearest(*(attempts.get(ids[0]) if ids else None for ids in (earlier, later)))
