"""Mutate a log, and the accounts that it describes, at random.

The owner of the database could do each of these with a statement or two.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import DatabaseError, connection, models, transaction
from django.db.models import Q
from django.utils import timezone

from verification.fields import EncryptedTextField, Secret
from verification.models import (
    AESKey,
    Backend,
    ChainHead,
    ChangeEvent,
    OfficialAccount,
    Seal,
    Tally,
    Token,
    VerificationAttempt,
)
from verification.protocol.enums import Kind, Outcome
from verification.tests.support.tampering import triggers_off

Row = dict[str, Any]

#: Tallies of accepted pushes have no rows to check them against. Nor is `last_at` of a tally
#: protected.
NOT_SEALED = Q(kind=Kind.MESSAGE_PUSH, outcome=Outcome.ACCEPTED)
UNPROTECTED_COLUMNS: dict[type[models.Model], set[str]] = {
    Tally: {"id", "last_at"},
    # Ordinary traffic updates these.
    Token: {"first_used_at"},
    AESKey: {"first_used_at", "failed_at"},
    Backend: {
        *("failures", "failing_since", "last_failure", "last_failure_status"),
        *("next_probe_at", "last_success_at"),
    },
}
SEALED: list[type[models.Model]] = [VerificationAttempt, Seal, ChainHead, Tally]
RECORDED: list[type[models.Model]] = [OfficialAccount, Token, AESKey, Backend]
PROTECTED: list[type[models.Model]] = [*SEALED, ChangeEvent, *RECORDED]
CHAINED: list[type[models.Model]] = [VerificationAttempt, Seal, ChangeEvent]
NUMBERED: list[type[models.Model]] = [*CHAINED, Tally, OfficialAccount, Token, AESKey]
OFTEN: list[type[models.Model]] = [*PROTECTED, VerificationAttempt, ChangeEvent, Token]


class Mutator:
    """Draws random mutations. Each returns a description for the message of a failed test."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)  # The seed makes failures reproducible.

    def mutate(self) -> str:
        """Apply one mutation and describe it. One that the database refuses is drawn again."""
        kinds: list[Callable[[], str]] = [self.alter] * 12
        kinds += [self.delete] * 4 + [self.insert] * 2 + [self.swap] * 2 + [self.cut]
        while True:
            try:
                with transaction.atomic(), triggers_off(*PROTECTED):
                    return self.random.choice(kinds)()
            except DatabaseError:
                continue  # A constraint of the table refused it.

    def alter(self) -> str:
        model = self.random.choice(OFTEN)
        row = self.draw(model)
        names = [field.attname for field in model._meta.concrete_fields]
        unprotected = UNPROTECTED_COLUMNS.get(model, set())
        name = self.random.choice([name for name in names if name not in unprotected])
        value = self.other_than(row[name], model._meta.get_field(name))
        pk = row[model._meta.pk.attname]
        self.rows(model).filter(pk=pk).update(**{name: value})
        return f"{model.__name__} {pk}: {name} from {row[name]!r} to {value!r}"

    def delete(self) -> str:
        model = self.random.choice(PROTECTED)
        row = self.draw(model)
        pk = row[model._meta.pk.attname]
        self.rows(model).filter(pk=pk)._raw_delete(connection.alias)
        return f"{model.__name__} {pk}: deleted"

    def insert(self) -> str:
        model = self.random.choice(NUMBERED)
        row = self.draw(model)
        top = max(model._default_manager.values_list("pk", flat=True))
        row["id"] = self.random.choice([top + 1, top + 7, 0, -1])
        if model is Tally:
            row["hour"] -= timedelta(hours=self.random.choice([1, 24]))
        if model is OfficialAccount:
            row["slug"] += "-2"
        model._default_manager.bulk_create([model(**row)])
        return f"{model.__name__} {row['id']}: inserted"

    def swap(self) -> str:
        """Exchange the ids of two rows."""
        model = self.random.choice(CHAINED)
        ids = list(model._default_manager.values_list("pk", flat=True))
        one, other = self.random.sample(ids, 2)
        for old, new in ((one, 10**9), (other, one), (10**9, other)):
            self.rows(model).filter(id=old).update(id=new)
        return f"{model.__name__} {one} and {other}: swapped"

    def cut(self) -> str:
        """Delete the newest seals with their attempts and tallies, and move the head back.

        Only a checkpoint that was kept elsewhere can reveal this.
        """
        seals = list(Seal.objects.order_by("id"))
        last = seals[self.random.randrange(len(seals) - 1)]
        deleted = VerificationAttempt.objects.filter(id__gt=last.last_id)
        for attempt in deleted:
            hour = attempt.recorded_at.replace(minute=0, second=0, microsecond=0)
            same = {"account_id": attempt.account_id, "hour": hour}
            tally = Tally.objects.get(**same, kind=attempt.kind, outcome=attempt.outcome)
            left = Tally.objects.filter(pk=tally.pk)
            if tally.count > attempt.occurrences:
                left.update(count=tally.count - attempt.occurrences)
            else:
                left._raw_delete(connection.alias)
        deleted._raw_delete(connection.alias)
        Seal.objects.filter(id__gt=last.id)._raw_delete(connection.alias)
        head = ChainHead.objects.get()
        head.move_to(last)
        head.last_recorded_at = VerificationAttempt.objects.get(id=last.last_id).recorded_at
        head.save()
        return f"cut off after seal {last.id}"

    # --- Drawing

    def rows(self, model: type[models.Model]) -> Any:
        rows: Any = model._default_manager.order_by("pk")
        return rows.exclude(NOT_SEALED) if model is Tally else rows

    def draw(self, model: type[models.Model]) -> Row:
        row: Row = self.random.choice(list(self.rows(model).values()))
        return row

    def other_than(self, value: Any, field: Any) -> Any:
        while True:
            new = self.near(value, field)
            if field.get_prep_value(new) != field.get_prep_value(value):
                return new

    def near(self, value: Any, field: Any) -> Any:
        if field.null and value is not None and self.random.random() < 0.2:
            return None
        if isinstance(field, models.BooleanField):
            return not value
        if isinstance(field, models.JSONField):
            return {**(value or {}), self.spell("", 9): self.random.randrange(9)}
        if isinstance(field, EncryptedTextField):
            return Secret(self.spell(value.ciphertext, None)) if value else self.draw_secret()
        if isinstance(field, models.DateTimeField):
            moment: datetime = value or timezone.now()
            microseconds = self.random.choice([-1, 1, 10**6, 3_600 * 10**6])
            return moment + timedelta(microseconds=microseconds)
        if isinstance(field, models.BinaryField):
            return self.flip(bytes(value)) if value else self.random.randbytes(20)
        if isinstance(field, models.UUIDField):
            return UUID(int=value.int ^ 1 << self.random.randrange(128))
        if isinstance(field, models.GenericIPAddressField):
            return f"192.0.2.{self.random.randrange(256)}"
        if isinstance(field, models.CharField | models.TextField):
            return self.spell(value or "", field.max_length)
        return (value or 0) + self.random.choice([-2, -1, 1, 2, 1000])

    def draw_secret(self) -> Any:
        """Return the ciphertext of some token: somebody who copies it need not know any key."""
        return self.random.choice(list(Token.objects.exclude(secret=None))).secret

    def flip(self, value: bytes) -> bytes:
        place = self.random.randrange(len(value))
        changed = value[place] ^ 1 << self.random.randrange(8)
        return value[:place] + bytes([changed]) + value[place + 1 :]

    def spell(self, value: str, limit: int | None) -> str:
        place = self.random.randrange(len(value) + 1)
        letter = self.random.choice("aZ9 ?-\\")
        written = self.random.choice(["", letter])
        return (value[:place] + written + value[place + 1 :])[:limit]


@contextmanager
def undone() -> Iterator[None]:
    """Roll back what the block does to the database."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)
