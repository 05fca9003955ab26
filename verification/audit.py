"""Holding the whole log against itself: chain, tallies, triggers."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC
from typing import Any, TypeVar, cast

from django.db import connection, models, transaction
from django.db.models import Q, Sum
from django.db.models.functions import TruncHour

from verification.append_only import missing_triggers
from verification.chain import BrokenChain, verify_chain
from verification.models import ChainHead, Seal, Tally, VerificationAttempt
from verification.protocol.words import Kind, Outcome

TallyKey = tuple[Any, ...]
Row = TypeVar("Row", bound=models.Model)


@dataclass(frozen=True)
class Report:
    seals: int
    attempts: int
    problems: list[str]  #: a sentence each; empty when the log is intact


def verify_audit(watch: Callable[[Iterator[Seal]], Iterable[Seal]] = iter) -> Report:
    """Check everything that is recorded, as of one moment; `watch` may show progress."""
    seals = attempts = 0
    problems = []
    with one_moment(), in_order(Seal) as all_seals, in_order(VerificationAttempt) as rows:
        try:
            for seal in watch(verify_chain(all_seals, rows, ChainHead.objects.first())):
                seals, attempts = seals + 1, attempts + seal.count
        except BrokenChain as broken:
            problems.append(str(broken))
        problems += wrong_tallies()
    problems += [f"The trigger {name} is missing." for name in missing_triggers(connection)]
    return Report(seals, attempts, problems)


@contextmanager
def one_moment() -> Iterator[None]:
    """One snapshot for all reads, so that traffic meanwhile raises no alarm and is not held up."""
    with deferred_on_sqlite(), transaction.atomic():
        if connection.vendor == "postgresql" and not connection.savepoint_ids:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        yield


@contextmanager
def deferred_on_sqlite() -> Iterator[None]:
    """Begin without SQLite's write lock, which the settings make every transaction take."""
    mode = getattr(connection, "transaction_mode", None)
    connection.transaction_mode = "DEFERRED"  # type: ignore[attr-defined]
    try:
        yield
    finally:
        connection.transaction_mode = mode  # type: ignore[attr-defined]


def in_order(model: type[Row]) -> closing[Generator[Row]]:
    """All rows by id, streamed; closed with the transaction, also when the walk stops early."""
    rows = model._default_manager.order_by("id").iterator(chunk_size=5000)
    return closing(cast("Generator[Row]", rows))


def wrong_tallies() -> list[str]:
    """Tallies that are not the sum of their rows; accepted pushes have no rows to add up."""
    is_row = ~Q(kind=Kind.MESSAGE_PUSH, outcome=Outcome.ACCEPTED)
    counted: dict[TallyKey, int] = {
        key: count
        for *key_parts, count in Tally.objects.filter(is_row)
        .order_by()
        .values_list("account_id", "hour", "kind", "outcome", "count")
        if (key := tuple(key_parts))
    }
    recorded: dict[TallyKey, int] = {
        key: total
        for *key_parts, total in VerificationAttempt.objects.order_by()
        .annotate(hour=TruncHour("recorded_at", tzinfo=UTC))
        .values_list("account_id", "hour", "kind", "outcome")
        .annotate(total=Sum("occurrences"))
        if (key := tuple(key_parts))
    }
    wrong = {
        key for key in counted.keys() | recorded.keys() if counted.get(key) != recorded.get(key)
    }
    return [
        f"The tally of account {account_id} at {hour:%Y-%m-%d %H:00} UTC "
        f"({Kind(kind).name.lower()}, {Outcome(outcome).name.lower()}) says "
        f"{counted.get((account_id, hour, kind, outcome), 0)}, but its attempts add up to "
        f"{recorded.get((account_id, hour, kind, outcome), 0)}."
        for account_id, hour, kind, outcome in sorted(wrong, key=str)
    ]
