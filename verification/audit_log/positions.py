"""Finds the position of a moment in the log: attempts are numbered in the order of their time."""

from __future__ import annotations

from datetime import datetime

from django.db import connection

from verification.audit_log.checkpoint import start_of_log
from verification.models import ChainHead, Checkpoint, VerificationAttempt

# A binary search in one statement: an index of times would cost 20 bytes a row. Ids that are
# missing, because somebody deleted rows, are skipped, so that a broken log can still be read.
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
    """Return the id of the first attempt at `moment` or later, or the last id + 1 without one."""
    head = ChainHead.objects.first() or ChainHead()
    start = start_of_log(Checkpoint.objects.first())
    parameters = {
        "first": start.last_attempt_id + 1,
        "end": head.last_attempt_id + 1,
        "moment": connection.ops.adapt_datetimefield_value(moment),
    }
    with connection.cursor() as cursor:
        cursor.execute(FIND, parameters)
        return int(cursor.fetchone()[0])
