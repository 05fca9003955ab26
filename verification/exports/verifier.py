"""Verifies the chain of a sealed export, without a database and without any key."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import BinaryIO

from django.utils.translation import gettext as _

from verification.audit_log.canonical import COLUMNS_BY_VERSION
from verification.audit_log.chain import BrokenChain, Chain
from verification.audit_log.report import MAX_PROBLEMS, Report
from verification.audit_log.verifier import KeptHead, compare_kept_head
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

#: Bytes. Every line of an export is shorter; another file may have no line breaks at all.
MAX_LINE_LENGTH = 16_384
#: Lines between two calls of `on_progress`.
PROGRESS_INTERVAL = 1_000
#: Matches the summary of an export, in any language and as JSON.
SUMMARY = re.compile(rb"\b[0-9a-f]{64}\b")


class NotAnExport(Exception):
    """The file is not an export that can be checked. The message says why, in one sentence."""


def verify_export(
    file: BinaryIO,
    kept: KeptHead | None = None,
    on_progress: Callable[[], object] | None = None,
) -> Report:
    """Check a sealed export, and whether its chain contains the head `kept`, if given.

    Raise NotAnExport if the first line is not that of a sealed export.
    """
    check = ExportCheck(read_start(file.readline(MAX_LINE_LENGTH)), kept)
    for number, line in enumerate(iter(lambda: file.readline(MAX_LINE_LENGTH), b""), start=2):
        check.read(number, line)
        if on_progress and number % PROGRESS_INTERVAL == 0:
            on_progress()
    check.finish()
    return check.report


class ExportCheck:
    """Checks the lines after the first one, in their order, and continues after a wrong line."""

    def __init__(self, start: ChainHead, kept: KeptHead | None) -> None:
        self.chain, self.report = Chain(start), Report()
        self.start, self.kept = start, kept
        self.digests: dict[int, bytes] = {}  # of the seal that `kept` names, once it was read
        self.seal: Seal | None = None  # the seal whose attempts are being read
        self.lines: list[bytes] = []  # canonical lines of that seal's attempts
        self.is_readable = True  # no line since that seal was wrong
        self.is_over = False  # the last line was read

    def read(self, number: int, line: bytes) -> None:
        try:
            self._read_entry(load(line))
        except (KeyError, ValueError):
            self.is_readable = False
            if self._read_summary(number, line):
                return
            if len(self.report.problems) < MAX_PROBLEMS:
                sentence = _("Line {line} is not valid in an export of an intact log.")
                self.report.add_problem(sentence.format(line=number))

    def finish(self) -> None:
        if not self.is_over:
            self._close_seal()
            self.report.add_problem(_("The last line is missing: the end of the file was cut off."))
        self.report.head = self.chain.head
        if self.kept:
            compare_kept_head(self.report, self.kept, self.start, self.digests)

    def _read_summary(self, number: int, line: bytes) -> bool:
        """Report the summary of export_attempts after the last line; return whether it is one."""
        if not (self.is_over and SUMMARY.search(line)):
            return False
        sentence = _(
            "Line {line} is what export_attempts prints on standard error, which was saved with "
            "the export. Remove this line."
        )
        self.report.add_problem(sentence.format(line=number))
        return True

    def _read_entry(self, entry: Entry) -> None:
        if self.is_over:
            raise ValueError("nothing may follow the last line")
        if "seal" in entry:
            seal = to_seal(entry)
            self._close_seal()
            self.seal, self.lines, self.is_readable = seal, [], True
        elif "rows" in entry:
            self._close_seal()
            self.is_over = True
            self._verify_last(entry)
        else:
            self._read_attempt(entry)

    def _read_attempt(self, entry: Entry) -> None:
        if self.seal is None:
            raise ValueError("an attempt must follow a seal")
        self.report.attempts += 1
        if self.seal.version in COLUMNS_BY_VERSION:
            self.lines.append(to_line(entry, self.seal.version))

    def _close_seal(self) -> None:
        """Verify the seal whose attempts have all been read."""
        if self.seal is None:
            return
        if self.kept and self.seal.id == self.kept.seal_id:
            self.digests[self.seal.id] = bytes(self.seal.digest)
        self.report.seals += 1
        try:
            if self.is_readable:
                self.chain.follow(self.seal, self.lines)
        except BrokenChain as broken:
            self.report.add_problem(broken, self.seal)
        self.chain.head.move_to(self.seal)
        self.seal = None

    def _verify_last(self, entry: Entry) -> None:
        """Verify the last line: the head, and how many attempts and seals the file holds."""
        head, stated = to_place(entry["head"]), (entry["rows"], entry["seals"])
        try:
            self.chain.verify_head(head)
        except BrokenChain as broken:
            self.report.add_problem(broken)
        if stated != (self.report.attempts, self.report.seals) and not self.report.problems:
            sentence = _(
                "The file holds {rows} attempts under {seals} seals, "
                "but its last line says otherwise."
            )
            self.report.add_problem(
                sentence.format(rows=self.report.attempts, seals=self.report.seals)
            )


def is_first_line(line: bytes) -> bool:
    try:
        return bool(load(line)["format"] == FORMAT)
    except (KeyError, ValueError):
        return False


def read_start(line: bytes) -> ChainHead:
    """Read the first line, and return the place in the chain from which the file continues.

    Raise NotAnExport if the line is not the first line of a sealed export, or if this release
    does not support its version.
    """
    if line.endswith(b"\r\n") and is_first_line(line[:-2] + b"\n"):
        raise NotAnExport(
            _(
                "A terminal, such as that of heroku run, has changed the ends of its lines. Remove "
                "the carriage returns, and every line that is not the export's, into a new file: "
                "tr -d '\\r' < FILE | grep '^{' > NEW_FILE"
            )
        )
    try:
        entry = load(line)
        is_export, version = entry["format"] == FORMAT, entry["version"]
        start = to_place(entry["continues"])
    except (KeyError, ValueError):
        is_export = False
    if not is_export:
        raise NotAnExport(
            _("This is not a sealed export. Create one with export_attempts --format sealed.")
        )
    if version != FORMAT_VERSION:
        raise NotAnExport(
            _("This export has version {version}, which this release does not support.").format(
                version=version
            )
        )
    return start
