"""Checking the chain of a sealed export: without a database, and without any key."""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO

from django.utils.translation import gettext as _

from verification.audit_log.canonical import COLUMNS_BY_VERSION
from verification.audit_log.chain import BrokenChain, Chain
from verification.audit_log.verifier import MOST_PROBLEMS, Report, note_kept_head
from verification.exports.sealed import (
    FORMAT,
    FORMAT_VERSION,
    Entry,
    load,
    to_line,
    to_place,
    to_seal,
)
from verification.models import ChainHead, Seal

#: No line of ours is as long; what is not ours may have no line breaks at all.
LONGEST = 16_384
WATCHED = 1_000

Kept = tuple[int, bytes]


class NotAnExport(Exception):
    """The file cannot be checked; says why, in one sentence."""


def verify_export(
    file: BinaryIO, kept: Kept | None = None, watch: Callable[[], object] = int
) -> Report:
    """Check a file, and whether it goes through a head that was `kept` elsewhere."""
    check = ExportCheck(read_start(file.readline(LONGEST)), kept)
    for number, line in enumerate(iter(lambda: file.readline(LONGEST), b""), start=2):
        check.read(number, line)
        if number % WATCHED == 0:
            watch()
    check.finish()
    return check.report


class ExportCheck:
    """Takes the lines after the first, in their order, and goes on after what is wrong."""

    def __init__(self, start: ChainHead, kept: Kept | None) -> None:
        self.chain, self.report = Chain(start), Report()
        self.start, self.kept = start, kept
        self.digests: dict[int, bytes] = {}  # of the seal that was kept
        self.seal: Seal | None = None
        self.lines: list[bytes] = []  # of that seal
        self.is_readable = True  # all since that seal
        self.is_over = False

    def read(self, number: int, line: bytes) -> None:
        try:
            self._take(load(line))
        except (KeyError, ValueError):
            self.is_readable = False
            if len(self.report.problems) < MOST_PROBLEMS:
                sentence = _("Line {line} is not what an export of an intact log holds there.")
                self.report.note(sentence.format(line=number))

    def finish(self) -> None:
        if not self.is_over:
            self._close_seal()
            self.report.note(_("The last line is missing: the end of the file was cut off."))
        self.report.head = self.chain.head
        if self.kept:
            note_kept_head(self.report, self.start, self.digests, self.kept)

    def _take(self, entry: Entry) -> None:
        if self.is_over:
            raise ValueError("nothing follows the last line")
        if "seal" in entry:
            seal = to_seal(entry)
            self._close_seal()
            self.seal, self.lines, self.is_readable = seal, [], True
        elif "rows" in entry:
            self._close_seal()
            self.is_over = True
            self._verify_last(entry)
        else:
            self._take_attempt(entry)

    def _take_attempt(self, entry: Entry) -> None:
        if self.seal is None:
            raise ValueError("no seal covers this")
        self.report.attempts += 1
        if self.seal.version in COLUMNS_BY_VERSION:
            self.lines.append(to_line(entry, self.seal.version))

    def _close_seal(self) -> None:
        if self.seal is None:
            return
        if self.kept and self.seal.id == self.kept[0]:
            self.digests[self.seal.id] = bytes(self.seal.digest)
        self.report.seals += 1
        try:
            if self.is_readable:
                self.chain.follow(self.seal, self.lines)
        except BrokenChain as broken:
            self.report.note(broken, self.seal)
        self.chain.head.move_to(self.seal)
        self.seal = None

    def _verify_last(self, entry: Entry) -> None:
        head = to_place(entry["head"])
        said = entry["rows"], entry["seals"]
        try:
            self.chain.verify_head(head)
        except BrokenChain as broken:
            self.report.note(broken)
        if said != (self.report.attempts, self.report.seals) and not self.report.problems:
            sentence = _(
                "The file holds {rows} attempts under {seals} seals, "
                "but its last line says otherwise."
            )
            self.report.note(sentence.format(rows=self.report.attempts, seals=self.report.seals))


def read_start(line: bytes) -> ChainHead:
    """The place that the file's first seal continues from. Raises NotAnExport."""
    try:
        entry = load(line)
        is_ours, version, place = entry["format"] == FORMAT, entry["version"], entry["continues"]
        start = to_place(place)
    except (KeyError, ValueError):
        is_ours = False
    if not is_ours:
        raise NotAnExport(_("This is no sealed export: export_attempts --format sealed makes one."))
    if version != FORMAT_VERSION:
        raise NotAnExport(
            _("This export has version {version}, which this release does not know.").format(
                version=version
            )
        )
    return start
