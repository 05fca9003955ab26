"""A sealed export that somebody laid hands on."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from verification.tests.support.exports import complaints

Lines = list[bytes]
# --- What somebody may do to the file. Its lines: 0 the first; 1, 5 and 9 seals; 13 the last.


def altered(lines: Lines) -> Lines:
    return [*lines[:7], lines[7].replace(b'"duration": ', b'"duration": 1'), *lines[8:]]


def respelt(lines: Lines) -> Lines:
    return [*lines[:7], lines[7].replace(b": ", b":", 1), *lines[8:]]


def told_twice(lines: Lines) -> Lines:
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


NOT_THERE = "Line {} is not what an export of an intact log holds there."


@pytest.mark.parametrize(
    ("alter", "finding"),
    [
        (altered, "Something in seal 2 (attempts 4 to 6) was altered."),
        (respelt, NOT_THERE.format(8)),
        (told_twice, NOT_THERE.format(8)),
        (deleted, "Attempt 5, in seal 2 (attempts 4 to 6), is missing or out of place."),
        (inserted, "Attempt 6, in seal 2 (attempts 4 to 6), is missing or out of place."),
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
        (cut_within_a_line, NOT_THERE.format(11)),
        (last_line_deleted, "The last line is missing: the end of the file was cut off."),
        (last_line_altered, "The file holds 9 attempts under 3 seals, but its last line says"),
        (continued, NOT_THERE.format(15)),
        (beginning_altered, "Seal 2 is missing."),
        (garbage_inserted, NOT_THERE.format(7)),
        (nested_deeply, NOT_THERE.format(7)),
    ],
)
def test_what_was_done_to_a_file_shows(
    sealed_file: Path, alter: Callable[[Lines], Lines], finding: str
) -> None:
    sealed_file.write_bytes(b"".join(alter(sealed_file.read_bytes().splitlines(keepends=True))))

    assert complaints(sealed_file)[0].startswith(finding)


def test_a_file_of_nothing_but_mistakes_is_not_told_line_by_line(sealed_file: Path) -> None:
    first, *rest = sealed_file.read_bytes().splitlines(keepends=True)
    sealed_file.write_bytes(first + b"?\n" * 1000 + b"".join(rest))

    assert len(complaints(sealed_file)) < 30


def test_any_byte_that_is_sealed_shows_when_it_changes(sealed_file: Path) -> None:
    """All but the first line, which is no part of the chain, and MACs, which take the key."""
    chance, whole = random.Random(4), sealed_file.read_bytes()
    macs = [place.span() for place in re.finditer(rb'"mac": "[0-9a-f]{64}"', whole)]
    sealed = [
        place
        for place in range(whole.index(b"\n") + 1, len(whole))
        if not any(start + 8 <= place < end - 1 for start, end in macs)
    ]
    for place in chance.sample(sealed, 300):
        other = chance.choice([byte for byte in range(256) if byte != whole[place]])
        sealed_file.write_bytes(whole[:place] + bytes([other]) + whole[place + 1 :])

        assert complaints(sealed_file), (place, other)
