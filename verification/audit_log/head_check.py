"""Checks the newest part of the log: what is new since an earlier head, the end, and the schema.

It also checks what is new in the change log, and compares all accounts with it.

`manage.py watch` does this in every round, because verify_audit() reads the whole log.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import timedelta

from django.db import ProgrammingError, connection, transaction

from verification.audit_log.change_check import ChangeLogCheck
from verification.audit_log.checkpoint import start_of_log
from verification.audit_log.report import LogState, Report
from verification.audit_log.schema_check import SchemaCheck, check_schema
from verification.audit_log.verifier import (
    KeptHead,
    follow_chain,
    time_of,
    verify_changes,
    verify_end,
    verify_kept_head,
)
from verification.db.snapshot import read_snapshot
from verification.models import ChainHead, Checkpoint, Seal

#: Seconds. If more has been recorded than can be checked in this time, the check of the whole log
#: covers the rest.
MAX_SECONDS = 10
#: After a newer release has migrated the database, processes of this release may run for this long.
ROLL_OUT = timedelta(minutes=10)


@dataclass(frozen=True)
class HeadCheck:
    """The result of check_head()."""

    last_attempt_id: int
    kept: KeptHead  #: the current head, for the next check to start from
    state: LogState  #: of what is new, the heads, the end of the log, accounts and the schema
    cut_off: list[str]  #: sentences that say why the log lacks the kept head
    schema: SchemaCheck


def check_head(
    kept: KeptHead, changes: ChangeLogCheck, printed: KeptHead | None = None
) -> HeadCheck:
    """Check that the log contains both heads, and verify everything that follows the `kept` one.

    If the log does not contain the seal of `kept`, only the end of the log is verified: no attempt
    follows the last seal, and the head matches it. A head whose seal was pruned proves nothing.
    `changes` goes on with the change log where it stopped. A new one reads all of it.
    """
    with read_snapshot():
        schema = check_schema(connection, ROLL_OUT)
        report = Report(head=ChainHead.objects.first(), checkpoint=Checkpoint.objects.first())
        report.start = start_of_log(report.checkpoint)
        for earlier in filter(None, [printed, kept]):
            is_comparable = earlier.seal_id >= max(report.start.last_seal_id, 1)
            if is_comparable and not report.problems:
                verify_kept_head(report, *earlier)
        if cut := changes.find_cut():
            report.add_problem(cut)
        cut_off = report.problems

        seals = Seal.objects.order_by("-id")
        seal = seals.filter(id=kept.seal_id).first() or seals.first()
        if seal is not None:
            report.start.move_to(seal)
            report.start.last_recorded_at = time_of(seal.last_id)
        follow_chain(report, deadline=time.monotonic() + MAX_SECONDS)
        if not report.is_cut_short:
            verify_end(report)
        try:
            with transaction.atomic():
                verify_changes(report, changes)
        except ProgrammingError:
            if not schema.lacks_migrations:  # They have yet to add columns of accounts.
                raise
        report.add_schema(schema)
    head = report.head or ChainHead()
    return HeadCheck(
        last_attempt_id=head.last_attempt_id,
        kept=KeptHead(head.last_seal_id, bytes(head.last_digest)),
        state=report.state,
        cut_off=cut_off,
        schema=schema,
    )
