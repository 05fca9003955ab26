"""Holding the whole log against itself: chain, tallies, triggers."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice

from django.db import connection
from django.db.models import Q
from django.utils.translation import gettext as _

from verification.audit_log.chain import BrokenChain, Chain, id_of
from verification.audit_log.checkpoint import start_of_log, verify_checkpoint
from verification.audit_log.reader import SealBatch, read_lines, read_seal_batches
from verification.audit_log.tallies import Count, wrong_tallies
from verification.audit_log.triggers import missing_triggers
from verification.db.snapshot import read_snapshot
from verification.keys import seal_keys
from verification.models import ChainHead, Checkpoint, Seal, VerificationAttempt

#: Sentences about the chain that are kept; a log that was rewritten has one for every seal.
MOST_PROBLEMS = 20


@dataclass
class Report:
    """What was found, as of one moment."""

    seals: int = 0
    attempts: int = 0
    problems: list[str] = field(default_factory=list)  #: a sentence each; empty when intact
    broken_seals: list[int] = field(default_factory=list)
    head: ChainHead | None = None
    checkpoint: Checkpoint | None = None  #: where a pruned log begins
    start: ChainHead = field(default_factory=ChainHead)  #: what the checking continued from
    end: ChainHead = field(default_factory=ChainHead)  #: how far it got
    is_cut_short: bool = False  #: whether time was up before that was the log's own end

    @property
    def first_broken(self) -> int | None:
        return min(self.broken_seals, default=None)

    def note(self, problem: object, seal: Seal | None = None) -> None:
        if seal is not None:
            self.broken_seals.append(seal.id)
        if seal is None or len(self.broken_seals) <= MOST_PROBLEMS:
            self.problems.append(str(problem))


def verify_audit(
    watch: Callable[[int], object] = int,
    start: ChainHead | None = None,
    deadline: float = math.inf,
) -> Report:
    """Check everything that is recorded; `watch` is told of every so many attempts checked.

    A `start` vouches for all up to it, unless that was pruned meanwhile. After `deadline`, of
    time.monotonic(), no more is read.
    """
    report = Report()
    with read_snapshot():
        report.head, report.checkpoint = ChainHead.objects.first(), Checkpoint.objects.first()
        report.start = beginning(report.checkpoint)
        if start and start.last_seal_id > report.start.last_seal_id:
            report.start = start
        verify_start(report)
        count = follow_chain(report, watch, deadline)
        if not report.is_cut_short:
            verify_end(report)
        for problem in islice(wrong_tallies(count), MOST_PROBLEMS):
            report.note(problem)
    for name in missing_triggers(connection):
        report.note(_("The trigger {name} is missing.").format(name=name))
    return report


def verify_kept_head(report: Report, seal_id: int, digest: bytes) -> None:
    """Note whether the log still goes through a head that somebody kept elsewhere."""
    digests = dict(Seal.objects.filter(id=seal_id).values_list("id", "digest"))
    note_kept_head(report, beginning(report.checkpoint), digests, (seal_id, digest))


def note_kept_head(
    report: Report,
    start: ChainHead,
    digests: Mapping[int, bytes | memoryview],
    kept: tuple[int, bytes],
) -> None:
    """Hold what was kept against the digests of seals that were found, if its own is there."""
    seal_id, last = kept[0], report.head.last_seal_id if report.head else 0
    found = {**digests, start.last_seal_id: start.last_digest}
    if seal_id < start.last_seal_id:
        sentence = _(
            "Seal {kept}, which you kept, was pruned with all up to seal {last}, "
            "so it shows nothing any more: keep a newer head."
        )
        report.note(sentence.format(kept=seal_id, last=start.last_seal_id))
    elif seal_id not in found:
        sentence = _("The log ends at seal {last}, but you kept seal {kept}: its end was cut off.")
        report.note(sentence.format(last=last, kept=seal_id))
    elif bytes(found[seal_id]) != kept[1]:
        sentence = _("Seal {kept} is not the one that you kept: the log was rewritten.")
        report.note(sentence.format(kept=seal_id))


def beginning(checkpoint: Checkpoint | None) -> ChainHead:
    """What the oldest seal that is kept continues from."""
    return checkpoint.place if checkpoint else ChainHead()


def follow_chain(report: Report, watch: Callable[[int], object], deadline: float) -> Count:
    """Note what is broken, and count the lines for the tallies."""
    chain, count = Chain(report.start, seal_keys()), Count(after=report.start.last_recorded_at)
    report.end = chain.head
    for stretch in read_seal_batches(report.start):
        for seal, lines in by_seal(stretch):
            try:
                chain.follow(seal, lines)
            except BrokenChain as broken:
                report.note(broken, seal)
            report.seals, report.attempts = report.seals + 1, report.attempts + len(lines)
        count.add(stretch.lines, stretch.seals[0].version)
        watch(len(stretch.lines))
        if time.monotonic() > deadline:
            report.is_cut_short = Seal.objects.filter(id__gt=report.end.last_seal_id).exists()
            break
    if report.is_cut_short:
        count.before = time_of(report.end.last_attempt_id)
    return count


def time_of(attempt_id: int) -> datetime | None:
    times = VerificationAttempt.objects.filter(id=attempt_id).values_list("recorded_at", flat=True)
    return times.first()


def verify_end(report: Report) -> None:
    """Note what is under no seal, and a head that is not the end of what is."""
    place = report.end
    uncovered = VerificationAttempt.objects.filter(Q(id__gt=place.last_attempt_id) | Q(id__lt=1))
    for attempt_id in uncovered.order_by("id").values_list("id", flat=True)[:1]:
        report.note(_("Attempt {attempt} is not covered by any seal.").format(attempt=attempt_id))
    for seal_id in Seal.objects.filter(id__lt=1).values_list("id", flat=True)[:1]:
        report.note(_("Seal {seal} was never made here.").format(seal=seal_id))
    try:
        Chain(place).verify_head(report.head)
    except BrokenChain as broken:
        report.note(broken)
        return
    if report.head and report.head.last_recorded_at != time_of(place.last_attempt_id):
        report.note(_("The time of the chain's head is not that of the last attempt."))


def verify_start(report: Report) -> None:
    """Note a checkpoint that is not ours, and what is older than the beginning of the log."""
    start = beginning(report.checkpoint)
    if report.checkpoint:
        try:
            verify_checkpoint(report.checkpoint, seal_keys())
        except BrokenChain as broken:
            report.note(broken)
    for checkpoint in Checkpoint.objects.all()[1:2]:
        sentence = _("The checkpoint at seal {seal} is out of place: a newer one stands for it.")
        report.note(sentence.format(seal=checkpoint.last_seal_id))
    seal = Seal.objects.filter(id__lte=start.last_seal_id).first()
    if seal:
        sentence = _("Seal {seal} is out of place: the log begins with seal {first}.")
        report.note(sentence.format(seal=seal.id, first=start.last_seal_id + 1), seal)
    attempt = VerificationAttempt.objects.filter(id__lte=start.last_attempt_id).first()
    if attempt:
        sentence = _("Attempt {attempt} is out of place: the log begins with attempt {first}.")
        report.note(sentence.format(attempt=attempt.id, first=start.last_attempt_id + 1))


def by_seal(stretch: SealBatch) -> Iterator[tuple[Seal, list[bytes]]]:
    """Each seal with the lines of its range, however many there are."""
    position, lines = 0, stretch.lines
    for seal in stretch.seals:
        end = position + seal.count
        if not (end <= len(lines) and id_of(lines[end - 1]) == seal.last_id):
            while position < len(lines) and id_of(lines[position]) < seal.first_id:
                position += 1
            end = position
            while end < len(lines) and id_of(lines[end]) <= seal.last_id:
                end += 1
        yield seal, lines[position:end]
        position = end


def verify_seal(seal: Seal) -> None:
    """Whether it continues the seal before it and covers its attempts as they are now.

    Raises BrokenChain.
    """
    lines = read_lines(seal.first_id, seal.last_id, seal.version)
    Chain(place_before(seal), seal_keys()).follow(seal, lines)


def place_before(seal: Seal) -> ChainHead:
    """Where the seal before it ends, or the checkpoint that stands for what was pruned."""
    before = Seal.objects.filter(id=seal.id - 1).first()
    place = start_of_log() if before is None else ChainHead()
    if before is not None:
        place.move_to(before)
    if place.last_seal_id != seal.id - 1:
        raise BrokenChain(_("Seal {seal} is missing.").format(seal=seal.id - 1))
    return place
