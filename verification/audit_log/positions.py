"""Where in the log a moment is: attempts are numbered in the order of their time."""

from __future__ import annotations

from datetime import datetime

from django.db import connection

from verification.models import ChainHead, Checkpoint, VerificationAttempt

# By halving, in one statement: an index of times would cost each row 20 bytes. A number that is
# missing, because somebody tampered, is passed over: a broken log is still to be read.
_TABLE = VerificationAttempt._meta.db_table
_IS_BEFORE = f"""(SELECT recorded_at FROM {_TABLE}
    WHERE id >= (low + high) / 2 ORDER BY id LIMIT 1) < %(moment)s"""
FIND = f"""
WITH RECURSIVE halving (low, high) AS (
    SELECT CAST(%(first)s AS bigint), CAST(%(end)s AS bigint)
    UNION ALL
    SELECT CASE WHEN {_IS_BEFORE} THEN (low + high) / 2 + 1 ELSE low END,
        CASE WHEN {_IS_BEFORE} THEN high ELSE (low + high) / 2 END
    FROM halving WHERE low < high)
SELECT low FROM halving WHERE low = high"""


def first_id_since(moment: datetime) -> int:
    """The first attempt at that time or later; one past the last if there is none."""
    head = ChainHead.objects.first() or ChainHead()
    checkpoint = Checkpoint.objects.first()
    parameters = {
        "first": (checkpoint.last_attempt_id if checkpoint else 0) + 1,
        "end": head.last_attempt_id + 1,
        "moment": connection.ops.adapt_datetimefield_value(moment),
    }
    with connection.cursor() as cursor:
        cursor.execute(FIND, parameters)
        return int(cursor.fetchone()[0])
