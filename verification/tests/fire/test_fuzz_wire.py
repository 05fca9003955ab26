"""Mangled requests, over sockets to a real gunicorn."""

from __future__ import annotations

import json
import re
import socket
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import zip_longest
from typing import NamedTuple
from urllib.parse import unquote_to_bytes

import pytest
from django.db.models import Sum

from verification.models import OfficialAccount, Tally
from verification.tests.fire.conftest import KeepFigure
from verification.tests.fire.support.mangling import SIGNATURE, WHOLE, mangled
from verification.tests.fire.support.processes import children
from verification.tests.fire.support.scale import scale
from verification.tests.fire.support.strange import ECHOSTR, MARK_OF_CALLBACKS
from verification.tests.support.gunicorn import Gunicorn

REQUESTS, CLIENTS = scale(400, 50_000), 48
#: Longer than a callback's answer takes; what stays open then waits for more of a request.
PATIENCE = 3.0
RESPONSE = re.compile(rb"HTTP/1\.[01] (\d{3})[^\r\n]*\r\n((?:[^\r\n]+\r\n)*)\r\n")
GO_ON = 100  # no answer yet


class Talk(NamedTuple):
    said: bytes
    heard: bytes


def converse(port: int, said: bytes) -> Talk:
    heard = b""
    # Quiet for too long, or reset before everything was sent.
    with (
        suppress(OSError),
        socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as wire,
    ):
        wire.sendall(said)
        while data := wire.recv(65536):
            heard += data
    return Talk(said, heard)


def responses(heard: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Status, headers and body of each: a mangled request may be two."""
    found = [it for it in RESPONSE.finditer(heard) if int(it[1]) != GO_ON]
    for response, following in zip_longest(found, found[1:]):
        body = heard[response.end() : following.start() if following else None]
        yield int(response[1]), response[2], body


def is_callbacks(headers: bytes) -> bool:
    return MARK_OF_CALLBACKS.encode() in headers


def may_be_answered(said: bytes, status: int, body: bytes) -> bool:
    if status != 200:
        return status in {400, 403, 405}
    sent = unquote_to_bytes(said)
    is_echo = ECHOSTR.fullmatch(body) is not None and b"echostr=" + body in sent
    return SIGNATURE in sent and (body == b"success" or is_echo)


def tallied() -> int:
    return Tally.objects.aggregate(total=Sum("count"))["total"] or 0


def written(lines: Sequence[str]) -> Counter[str]:
    """The attempts of each event. Every line is JSON."""
    events: Counter[str] = Counter()
    for record in map(json.loads, lines):
        events[record.get("event", "")] += record.get("occurrences", 1)
    return events


@pytest.mark.postgresql
def test_no_mangled_request_breaks_a_server(
    brand_a: OfficialAccount, gunicorn: Gunicorn, figure: KeepFigure
) -> None:
    gunicorn.wait_for("Started server process", times=2)
    before, workers = len(gunicorn.lines()), children(gunicorn.process.pid)
    with ThreadPoolExecutor(CLIENTS) as clients:
        talks = [*clients.map(lambda n: converse(gunicorn.port, mangled(n)), range(REQUESTS))]
    found = [(talk, *response) for talk in talks for response in responses(talk.heard)]
    answers = [it for it in found if is_callbacks(it[2]) and it[1] != 503]
    events = written(gunicorn.lines()[before:])
    on_record, too_late = events["attempt"], events["attempt_unrecorded"]
    statuses = Counter(status for _, status, _, _ in found)
    counts = ", ".join(f"{count:,} × {status}" for status, count in sorted(statuses.items()))
    silent = sum(not talk.heard for talk in talks)
    # An answer is given up, but not its record, where more follows on the wire that is no request.
    is_met = len(answers) <= on_record <= tallied() <= on_record + too_late
    is_met = is_met and {status for status in statuses if status >= 500} <= {503}
    lived = children(gunicorn.process.pid) == workers
    is_met = is_met and lived
    figure(
        "Mangled requests over the wire break nothing: only an allowed echostr is echoed, "
        "every answer is tallied, every line is JSON",
        target=f"{REQUESTS:,} mangled requests: no 5xx except 503, each answer tallied and logged",
        measured=f"{counts}; {silent:,} got no answer; {len(answers):,} callbacks answered, "
        f"{tallied():,} tallied, {on_record:,} with a line; "
        f"{'the workers are the same as before' if lived else 'a worker died'}",
        is_met=is_met,
    )

    assert is_met
    assert statuses[200] > REQUESTS / 10
    assert b"<script>alert(1)" not in b"".join(body for *_, body in found)
    for talk, status, _headers, body in answers:
        assert may_be_answered(talk.said, status, body), talk


@pytest.mark.parametrize("raw", WHOLE)
def test_what_is_mangled_was_well_before(
    brand_a: OfficialAccount, gunicorn: Gunicorn, raw: bytes
) -> None:
    [(status, headers, body)] = responses(gunicorn.send(raw, timeout=60))

    assert status == (405 if raw.startswith(b"HEAD") else 200)
    assert is_callbacks(headers)
    assert may_be_answered(raw, status, body)
