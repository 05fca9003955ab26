"""Restores an older backup of the database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection


@contextmanager
def restored_afterwards() -> Iterator[None]:
    """Bring the whole database back to its state before the block, as restoring a backup does."""
    # Not in an atomic block, in which the durable one that records callbacks may not be. And not
    # with transaction.savepoint(), which Django 6.1 deprecates.
    backup = connection.savepoint()
    assert backup
    yield
    connection.savepoint_rollback(backup)
