"""Bound the spool: 100 MB per account and 1 GB in all, approximately.

Each process knows how much was stored a few seconds ago, and adds what it has stored since. An
exact sum would make all processes wait for each other.
"""

from __future__ import annotations

import threading
import time
from collections import Counter

from django.db import DatabaseError, connection, transaction
from django.db.backends.utils import CursorWrapper

from verification.models import Delivery

MAX_BYTES_PER_ACCOUNT = 100_000_000
MAX_BYTES = 1_000_000_000
#: Seconds between two looks at the table.
INTERVAL = 5
TABLE = Delivery._meta.db_table
# Its answer is immediate. While the table is smaller than the bound of an account, nothing is full.
SELECT_TABLE_SIZE = f"SELECT pg_table_size('{TABLE}')"
SUM_BY_ACCOUNT = f"""
SET LOCAL statement_timeout = '250ms';
SELECT account_id, sum(size) FROM {TABLE} WHERE state IN (1, 2) GROUP BY account_id"""


class SpoolSize:
    """Knows about how many bytes are stored for each account."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.by_account: Counter[int] = Counter()
        self.due = 0.0

    def claim(self, account_id: int, size: int) -> bool:
        """Count these bytes as stored, and return True, if there is room for them."""
        with self.lock:
            if (
                self.by_account[account_id] + size > MAX_BYTES_PER_ACCOUNT
                or self.by_account.total() + size > MAX_BYTES
            ):
                return False
            self.by_account[account_id] += size
            return True

    def refresh(self) -> None:
        """Look at the table, at most once in INTERVAL. Raises DatabaseError.

        If the sum takes too long, the process goes on with what it knows, and asks less often.
        """
        with self.lock:
            if time.monotonic() < self.due:
                return
            self.due = time.monotonic() + INTERVAL
        try:
            with transaction.atomic(), connection.cursor() as cursor:
                by_account = select_sizes(cursor)
        except DatabaseError as error:
            if getattr(error.__cause__, "pgcode", None) != QUERY_CANCELED:
                raise
            with self.lock:
                self.due += 5 * INTERVAL
            return
        with self.lock:
            self.by_account = by_account

    def reset(self) -> None:
        """Forget what is known, so that the next refresh() looks at the table."""
        with self.lock:
            self.by_account, self.due = Counter(), 0.0


QUERY_CANCELED = "57014"


def select_sizes(cursor: CursorWrapper) -> Counter[int]:
    cursor.execute(SELECT_TABLE_SIZE)
    (table_size,) = cursor.fetchone()
    if table_size < MAX_BYTES_PER_ACCOUNT:
        return Counter()
    cursor.execute(SUM_BY_ACCOUNT)
    return Counter({account_id: int(size) for account_id, size in cursor.fetchall()})


#: Of this process.
spool_size = SpoolSize()
