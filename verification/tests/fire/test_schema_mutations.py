"""Finds whatever somebody changes in the tables, triggers and functions of the log."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import groupby

import pytest
from django.db import DatabaseError, connection, transaction

from verification.audit_log.schema_check import check_schema
from verification.tests.fire.conftest import RecordFigure
from verification.tests.fire.support.run_length import LONG
from verification.tests.support.schema_mutations import SchemaMutation, generate_mutations

#: The short form applies this many of each kind.
OF_EACH_KIND = 1


def is_found(mutation: SchemaMutation) -> bool | None:
    """Apply a mutation, and undo it. Return None if PostgreSQL refuses it."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(mutation.sql)
            differences = check_schema(connection).differences
            transaction.set_rollback(True)
    except DatabaseError:
        return None
    return mutation.names in " ".join(differences)


def results() -> Iterator[tuple[SchemaMutation, bool]]:
    """Yield applied mutations, and whether each was found."""
    drawn = random.Random(20_261_129)
    mutations = sorted(generate_mutations())
    for _kind, group in groupby(mutations, key=lambda mutation: mutation.kind):
        of_kind, applied = list(group), 0
        drawn.shuffle(of_kind)
        for mutation in of_kind:
            found = is_found(mutation)
            if found is not None:
                applied += 1
                yield mutation, found
            if not LONG and applied == OF_EACH_KIND:
                break


@pytest.mark.postgresql
def test_every_change_of_the_schema_is_found(figure: RecordFigure) -> None:
    applied = list(results())
    kinds = {mutation.kind for mutation, _found in applied}
    missed = [str(mutation) for mutation, found in applied if not found]
    figure(
        "Every change of the log's tables, triggers and functions is found and named",
        target=f"≥ {200 if LONG else len(kinds)} changes of every kind of object, none missed",
        measured=f"{len(applied):,} changes of {len(kinds)} kinds; {len(missed)} missed",
        is_met=not missed,
    )

    assert missed == []
    assert {mutation.kind for mutation in generate_mutations()} == kinds
    assert len(applied) >= (200 if LONG else 60)
