"""Every change to a sealed export is detected."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from verification.tests.support.exports import complaints

Lines = list[bytes]
# --- Changes to the file. Its lines: 0 is the first; 1, 5 and 9 are seals; 13 is the last.


def altered(lines: Lines) -> Lines:
    return [*lines[:7], lines[7].replace(b'"duration": ', b'"duration": 1'), *lines[8:]]


def written_differently(lines: Lines) -> Lines:
    return [*lines[:7], lines[7].replace(b": ", b":", 1), *lines[8:]]


def key_repeated(lines: Lines) -> Lines:
    return [*lines[:7], lines[7].replace(b"{", b'{"id": 99, ', 1), *lines[8:]]


def deleted(lines: Lines) -> Lines:
    return lines[:7] + lines[8:]


def inserted(lines: Lines) -> Lines:
    return [*lines[:8], lines[7], *lines[8:]]


def swapped(lines: Lines) -> Lines:
    return [*lines[:6], lines[7], lines[6], *lines[8:]]


def moved_to_another_seal(lines: Lines) -> Lines:
    return [*lines[:8], lines[9], lines[8], *lines[10:]]


def seal_altered(lines: Lines) -> Lines:
    return [*lines[:5], lines[5].replace(b'"count": 3', b'"count": 4'), *lines[6:]]


def seal_deleted(lines: Lines) -> Lines:
    return lines[:5] + lines[6:]


def seal_deleted_with_its_attempts(lines: Lines) -> Lines:
    return lines[:5] + lines[9:]


def seals_swapped(lines: Lines) -> Lines:
    return [*lines[:1], *lines[5:9], *lines[1:5], *lines[9:]]


def last_seal_deleted(lines: Lines) -> Lines:
    return lines[:9] + lines[13:]


def cut_between_lines(lines: Lines) -> Lines:
    return lines[:11]


def cut_within_a_line(lines: Lines) -> Lines:
    return [*lines[:10], lines[10][:30]]


def last_line_deleted(lines: Lines) -> Lines:
    return lines[:13]


def last_line_altered(lines: Lines) -> Lines:
    return [*lines[:13], lines[13].replace(b'"rows": 9', b'"rows": 8')]


def continued(lines: Lines) -> Lines:
    return [*lines, lines[12]]


def beginning_altered(lines: Lines) -> Lines:
    place = b'{"seal": 1, "attempt": 3, "digest": "%s"}' % (b"0" * 64)
    return [lines[0].replace(b"null", place), *lines[1:]]


def garbage_inserted(lines: Lines) -> Lines:
    return [*lines[:6], b"\xff\x00 [[[\n", *lines[6:]]


def nested_deeply(lines: Lines) -> Lines:
    return [*lines[:6], b"[" * 9000 + b"\n", *lines[6:]]


NOT_VALID = "Line {} is not valid in an export of an intact log."


@pytest.mark.parametrize(
    ("alter", "finding"),
    [
        (altered, "Something in seal 2 (attempts 4 to 6) was altered."),
        (written_differently, NOT_VALID.format(8)),
        (key_repeated, NOT_VALID.format(8)),
        (deleted, "Attempt 5, in seal 2 (attempts 4 to 6), is missing or out of place."),
        (inserted, "Attempt 5, in seal 2 (attempts 4 to 6), appears more than once."),
        (swapped, "Attempt 4, in seal 2 (attempts 4 to 6), is missing or out of place."),
        (
            moved_to_another_seal,
            "Attempt 6, in seal 2 (attempts 4 to 6), is missing or out of place.",
        ),
        (seal_altered, "Attempt 7, in seal 2 (attempts 4 to 7), is missing or out of place."),
        (seal_deleted, "Something in seal 1 (attempts 1 to 3) was altered."),
        (seal_deleted_with_its_attempts, "Seal 2 is missing."),
        (seals_swapped, "Seal 1 is missing."),
        (last_seal_deleted, "The chain's head is at seal 3, but the log ends with seal 2: its end"),
        (cut_between_lines, "Attempt 8, in seal 3 (attempts 7 to 9), is missing or out of place."),
        (cut_within_a_line, NOT_VALID.format(11)),
        (last_line_deleted, "The last line is missing: the end of the file was cut off."),
        (last_line_altered, "The file holds 9 attempts under 3 seals, but its last line says"),
        (continued, NOT_VALID.format(15)),
        (beginning_altered, "Seal 2 is missing."),
        (garbage_inserted, NOT_VALID.format(7)),
        (nested_deeply, NOT_VALID.format(7)),
    ],
)
def test_a_change_to_a_file_is_found(
    sealed_file: Path, alter: Callable[[Lines], Lines], finding: str
) -> None:
    sealed_file.write_bytes(b"".join(alter(sealed_file.read_bytes().splitlines(keepends=True))))

    assert complaints(sealed_file)[0].startswith(finding)


def test_a_file_of_invalid_lines_is_not_reported_line_by_line(sealed_file: Path) -> None:
    first, *rest = sealed_file.read_bytes().splitlines(keepends=True)
    sealed_file.write_bytes(first + b"?\n" * 1000 + b"".join(rest))

    assert len(complaints(sealed_file)) < 30


def test_a_change_to_any_sealed_byte_is_found(sealed_file: Path) -> None:
    """The first line is not part of the chain, and checking the MACs takes the key."""
    draws, whole = random.Random(4), sealed_file.read_bytes()
    macs = [match.span() for match in re.finditer(rb'"mac": "[0-9a-f]{64}"', whole)]
    sealed = [
        position
        for position in range(whole.index(b"\n") + 1, len(whole))
        if not any(start + 8 <= position < end - 1 for start, end in macs)
    ]
    for position in draws.sample(sealed, 300):
        other = draws.choice([byte for byte in range(256) if byte != whole[position]])
        sealed_file.write_bytes(whole[:position] + bytes([other]) + whole[position + 1 :])

        assert complaints(sealed_file), (position, other)
