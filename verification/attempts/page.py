"""A page of the attempts that a filter wants, the newest first, found by key at any size."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from django.db import connection, transaction

from verification.attempts.filter import NO_ACCOUNT, AttemptFilter
from verification.attempts.index import NOTHING, Strands
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


def find_page(wanted: AttemptFilter, before: int | None = None, after: int | None = None) -> Page:
    ids = wanted.ids()
    if after is not None:
        found = find_ids(wanted, range(max(ids.start, after + 1), ids.stop), "ASC")
        if not found:
            return find_page(wanted)
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
    if wanted.search:
        return search(wanted, ids, order)
    strands = strands_of(wanted)
    find = strands.oldest if order == "ASC" else strands.newest
    return find(SIZE + 1, ids)[: SIZE + 1]


def search(wanted: AttemptFilter, ids: range, order: str) -> list[int]:
    found = VerificationAttempt.objects.filter(
        wanted.condition(), id__gte=ids.start, id__lt=ids.stop
    )
    if wanted.request_id:
        found = found.filter(id__in=ids_with(wanted.request_id))
    key = "id" if order == "ASC" else "-id"
    return list(found.order_by(key).values_list("id", flat=True)[: SIZE + 1])


def ids_with(request_id: UUID) -> list[int]:
    same = VerificationAttempt.objects.filter(request_id=request_id).order_by()
    with transaction.atomic(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(TRUST_BRIN)
        return list(same.values_list("id", flat=True))


def strands_of(wanted: AttemptFilter) -> Strands:
    return Strands(accounts_of(wanted), kinds_of(wanted), reasons_of(wanted), wanted.is_noise)


def accounts_of(wanted: AttemptFilter) -> list[int]:
    if wanted.account == NO_ACCOUNT:
        return [NOTHING]
    if wanted.account is not None:
        return [int(wanted.account)]
    return [NOTHING, *OfficialAccount.objects.order_by().values_list("id", flat=True)]


def kinds_of(wanted: AttemptFilter) -> list[Kind]:
    return [wanted.kind] if wanted.kind else [Kind.URL_VERIFICATION, Kind.MESSAGE_PUSH]


def reasons_of(wanted: AttemptFilter) -> list[int]:
    accepted = wanted.outcome is not Outcome.REFUSED and not wanted.reason
    refused = [reason.value for reason in Reason if wanted.reason in {None, reason}]
    return [NOTHING] * accepted + refused * (wanted.outcome is not Outcome.ACCEPTED)
