"""Verifies the whole log: the chain of seals, the tallies, the change log and the schema."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import islice
from typing import NamedTuple

from django.db import ProgrammingError, connection
from django.db.models import Q
from django.utils.translation import gettext as _

from verification.audit_log.chain import BrokenChain, Chain, UnknownKey, id_of
from verification.audit_log.change_check import ChangeLogCheck
from verification.audit_log.checkpoint import start_of_log, verified_start_of_log, verify_checkpoint
from verification.audit_log.reader import SealBatch, read_lines, read_seal_batches
from verification.audit_log.report import MAX_PROBLEMS, LogState, Report
from verification.audit_log.schema_check import SchemaCheck, check_schema
from verification.audit_log.tallies import AttemptTotals, find_wrong_tallies
from verification.db.errors import first_line
from verification.db.snapshot import read_snapshot
from verification.keys import seal_keys
from verification.models import ChainHead, Checkpoint, Seal, VerificationAttempt

#: Called with the number of attempts that were checked since the last call.
OnProgress = Callable[[int], object]


class KeptHead(NamedTuple):
    """The head of the chain as it was at an earlier time, kept outside of the log."""

    seal_id: int
    digest: bytes


def verify_audit(
    on_progress: OnProgress | None = None,
    start: ChainHead | None = None,
    deadline: float = math.inf,
    roll_out: timedelta = timedelta(0),
) -> Report:
    """Check the attempts, their seals, the tallies, the change log, accounts and the schema.

    `start` is a place up to which the log is known to be intact; without one, or if it was pruned
    since, the check begins with the oldest seal. After `deadline`, a value of time.monotonic(), the
    check stops with the batch in hand. `roll_out` is as check_schema() takes it.
    """
    report, schema = Report(), SchemaCheck()
    try:
        with read_snapshot():
            # First, so that the snapshot is of the same moment as the catalogs.
            schema = check_schema(connection, roll_out)
            verify_log(report, start, on_progress, deadline)
    except ProgrammingError as error:
        if not schema.lacks_migrations:
            raise
        # Missing migrations have yet to make what the check reads.
        sentence = _("The log cannot be read before that: {why}.")
        schema.differences.append(sentence.format(why=first_line(error)))
    report.add_schema(schema)
    return report


def verify_log(
    report: Report, start: ChainHead | None, on_progress: OnProgress | None, deadline: float
) -> None:
    """Check everything but the schema."""
    report.head, report.checkpoint = ChainHead.objects.first(), Checkpoint.objects.first()
    report.start = start_of_log(report.checkpoint)
    if start and start.last_seal_id > report.start.last_seal_id:
        report.start = start
    verify_start(report)
    totals = follow_chain(report, on_progress, deadline)
    if not report.is_cut_short:
        verify_end(report)
    for problem in islice(find_wrong_tallies(totals), MAX_PROBLEMS):
        report.add_problem(problem)
    verify_changes(report, ChangeLogCheck())


def verify_changes(report: Report, changes: ChangeLogCheck) -> None:
    """Follow the change log from where `changes` stopped, and compare the accounts with it."""
    for problem in islice(changes.run(), MAX_PROBLEMS):
        report.add_problem(problem)
    for problem in islice(changes.find_unknown_keys(), MAX_PROBLEMS):
        report.add_problem(problem, state=LogState.KEY_MISSING)
    report.account_advice = changes.accounts.advice


def verify_kept_head(report: Report, seal_id: int, digest: bytes) -> None:
    """Report a problem unless the stored log still contains a head that was kept elsewhere."""
    digests = dict(Seal.objects.filter(id=seal_id).values_list("id", "digest"))
    start = start_of_log(report.checkpoint)
    compare_kept_head(report, KeptHead(seal_id, digest), start, digests)


def compare_kept_head(
    report: Report,
    kept: KeptHead,
    start: ChainHead,
    digests: Mapping[int, bytes | memoryview],
) -> None:
    """Report a problem unless `kept` matches a log that begins at `start`.

    `digests` holds the digest of the seal that `kept` names, if the log contains that seal.
    """
    known = {**digests, start.last_seal_id: start.last_digest}
    if kept.seal_id < start.last_seal_id:
        sentence = _(
            "Seal {kept}, which you kept, was pruned with all seals up to {last}, "
            "so it proves nothing any more. Keep a newer head."
        )
        report.add_problem(sentence.format(kept=kept.seal_id, last=start.last_seal_id))
    elif kept.seal_id not in known:
        last = report.head.last_seal_id if report.head else 0
        sentence = _("The log ends at seal {last}, but you kept seal {kept}: its end was cut off.")
        report.add_problem(sentence.format(last=last, kept=kept.seal_id))
    elif bytes(known[kept.seal_id]) != kept.digest:
        sentence = _("Seal {kept} is not the one that you kept: the log was rewritten.")
        report.add_problem(sentence.format(kept=kept.seal_id))


def follow_chain(
    report: Report, on_progress: OnProgress | None = None, deadline: float = math.inf
) -> AttemptTotals:
    """Verify the seals after `report.start`, and return the totals of their attempts."""
    chain = Chain(report.start, seal_keys())
    totals = AttemptTotals(after=report.start.last_recorded_at)
    report.end = chain.head
    for batch in read_seal_batches(report.start):
        for seal, lines in split_by_seal(batch):
            try:
                chain.follow(seal, lines)
            except BrokenChain as broken:
                report.add_problem(broken, seal, state_of(broken))
            report.seals, report.attempts = report.seals + 1, report.attempts + len(lines)
        totals.add(batch.lines, batch.seals[0].version)
        if on_progress:
            on_progress(len(batch.lines))
        if time.monotonic() > deadline:
            report.is_cut_short = Seal.objects.filter(id__gt=report.end.last_seal_id).exists()
            break
    if report.is_cut_short:
        totals.before = time_of(report.end.last_attempt_id)
    return totals


def state_of(broken: BrokenChain) -> LogState:
    is_unknown = isinstance(broken, UnknownKey)
    return LogState.KEY_MISSING if is_unknown else LogState.NOT_INTACT


def time_of(attempt_id: int) -> datetime | None:
    times = VerificationAttempt.objects.filter(id=attempt_id).values_list("recorded_at", flat=True)
    return times.first()


def verify_start(report: Report) -> None:
    """Report a checkpoint that is not ours, and rows older than the beginning of the log."""
    start = start_of_log(report.checkpoint)
    if report.checkpoint:
        try:
            verify_checkpoint(report.checkpoint, seal_keys())
        except BrokenChain as broken:
            report.add_problem(broken, state=state_of(broken))
    for checkpoint in Checkpoint.objects.all()[1:2]:
        sentence = _("The checkpoint at seal {seal} is out of place: a newer one replaces it.")
        report.add_problem(sentence.format(seal=checkpoint.last_seal_id))
    seal = Seal.objects.filter(id__lte=start.last_seal_id).first()
    if seal:
        sentence = _("Seal {seal} is out of place: the log begins with seal {first}.")
        report.add_problem(sentence.format(seal=seal.id, first=start.last_seal_id + 1), seal)
    attempt = VerificationAttempt.objects.filter(id__lte=start.last_attempt_id).first()
    if attempt:
        sentence = _("Attempt {attempt} is out of place: the log begins with attempt {first}.")
        report.add_problem(sentence.format(attempt=attempt.id, first=start.last_attempt_id + 1))


def verify_end(report: Report) -> None:
    """Report unsealed attempts, and a head that does not match the last seal."""
    place = report.end
    unsealed = VerificationAttempt.objects.filter(Q(id__gt=place.last_attempt_id) | Q(id__lt=1))
    for attempt_id in unsealed.order_by("id").values_list("id", flat=True)[:1]:
        sentence = _("Attempt {attempt} is not covered by any seal.")
        report.add_problem(sentence.format(attempt=attempt_id))
    for seal_id in Seal.objects.filter(id__lt=1).values_list("id", flat=True)[:1]:
        sentence = _("Seal {seal} is out of place: the first seal of a log has the number 1.")
        report.add_problem(sentence.format(seal=seal_id))
    if Seal.objects.filter(id__gt=report.start.last_seal_id).count() > report.seals:
        report.add_problem(_("A seal appears more than once."))
    try:
        Chain(place).verify_head(report.head)
    except BrokenChain as broken:
        report.add_problem(broken)
        return
    if report.head and report.head.last_recorded_at != time_of(place.last_attempt_id):
        report.add_problem(_("The time of the chain's head is not that of the last attempt."))


def split_by_seal(batch: SealBatch) -> Iterator[tuple[Seal, list[bytes]]]:
    """Yield each seal with all lines whose ids are in its range.

    Some may be missing, and an id may be there twice if the primary key was removed.
    """
    position, lines = 0, batch.lines
    for seal in batch.seals:
        end = position + seal.count
        # An intact seal takes two comparisons; only a broken one is searched line by line.
        if not _ends_at(lines, end, seal.last_id):
            while position < len(lines) and id_of(lines[position]) < seal.first_id:
                position += 1
            end = position
            while end < len(lines) and id_of(lines[end]) <= seal.last_id:
                end += 1
        yield seal, lines[position:end]
        position = end


def _ends_at(lines: list[bytes], end: int, last_id: int) -> bool:
    """Return whether the line before `end` has this id, and the line after it another one."""
    if end > len(lines) or id_of(lines[end - 1]) != last_id:
        return False
    return end == len(lines) or id_of(lines[end]) > last_id


def verify_seal(seal: Seal) -> None:
    """Verify one seal: that it continues the seal before it, and its attempts are unchanged.

    Raise BrokenChain if not.
    """
    lines = read_lines(seal.first_id, seal.last_id, seal.version)
    Chain(place_before(seal), seal_keys()).follow(seal, lines)


def place_before(seal: Seal) -> ChainHead:
    """Return the place that the seal continues: the previous seal, or the start of the log.

    Raise BrokenChain if the previous seal is missing, or the checkpoint is not ours.
    """
    previous = Seal.objects.filter(id=seal.id - 1).first()
    if previous is None:
        place = verified_start_of_log()
    else:
        place = ChainHead()
        place.move_to(previous)
    if place.last_seal_id != seal.id - 1:
        raise BrokenChain(_("Seal {seal} is missing.").format(seal=seal.id - 1))
    return place
