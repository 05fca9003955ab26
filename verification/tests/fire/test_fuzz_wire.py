"""Fuzzing of a running gunicorn with mutated requests, over sockets."""

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
from verification.tests.fire.conftest import RecordFigure
from verification.tests.fire.support.fuzz_requests import CALLBACK_POLICY, ECHOSTR
from verification.tests.fire.support.processes import children
from verification.tests.fire.support.request_mutator import (
    SIGNATURE,
    VALID_REQUESTS,
    mutated_request,
)
from verification.tests.fire.support.run_length import short_or_long
from verification.tests.support.gunicorn import Gunicorn

REQUESTS, CLIENTS = short_or_long(400, 50_000), 48
#: Seconds, longer than a callback's answer takes. If a connection is still open then, the server
#: waits for the rest of a request.
TIMEOUT = 3.0
RESPONSE = re.compile(rb"HTTP/1\.[01] (\d{3})[^\r\n]*\r\n((?:[^\r\n]+\r\n)*)\r\n")
CONTINUE = 100  # an interim response


class Exchange(NamedTuple):
    sent: bytes
    received: bytes


def exchange(port: int, sent: bytes) -> Exchange:
    received = b""
    # OSError: the timeout, or a connection that was reset before everything was sent.
    with (
        suppress(OSError),
        socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT) as connection,
    ):
        connection.sendall(sent)
        while data := connection.recv(65536):
            received += data
    return Exchange(sent, received)


def responses(received: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Yield status, headers and body of each response: a mutated request may be two requests."""
    heads = [head for head in RESPONSE.finditer(received) if int(head[1]) != CONTINUE]
    for head, following in zip_longest(heads, heads[1:]):
        body = received[head.end() : following.start() if following else None]
        yield int(head[1]), head[2], body


def is_callback_response(headers: bytes) -> bool:
    return CALLBACK_POLICY.encode() in headers


def is_allowed_response(sent: bytes, status: int, body: bytes) -> bool:
    if status != 200:
        return status in {400, 403, 405}
    unquoted = unquote_to_bytes(sent)
    is_echo = ECHOSTR.fullmatch(body) is not None and b"echostr=" + body in unquoted
    return SIGNATURE in unquoted and (body == b"success" or is_echo)


def count_tallied() -> int:
    return Tally.objects.aggregate(total=Sum("count"))["total"] or 0


def count_logged(lines: Sequence[str]) -> Counter[str]:
    """Return the number of attempts by event; every line must be JSON."""
    events: Counter[str] = Counter()
    for record in map(json.loads, lines):
        events[record.get("event", "")] += record.get("occurrences", 1)
    return events


@pytest.mark.postgresql
def test_mutated_requests_do_not_break_a_server(
    brand_a: OfficialAccount, gunicorn: Gunicorn, figure: RecordFigure
) -> None:
    gunicorn.wait_for("Started server process", times=2)
    before, workers = len(gunicorn.lines()), children(gunicorn.process.pid)
    with ThreadPoolExecutor(CLIENTS) as clients:
        exchanges = [
            *clients.map(lambda n: exchange(gunicorn.port, mutated_request(n)), range(REQUESTS))
        ]
    found = [(each.sent, *response) for each in exchanges for response in responses(each.received)]
    answers = [
        (sent, status, body)
        for sent, status, headers, body in found
        if is_callback_response(headers) and status != 503
    ]
    events = count_logged(gunicorn.lines()[before:])
    recorded, unrecorded = events["attempt"], events["attempt_unrecorded"]
    statuses = Counter(status for _, status, _, _ in found)
    counts = ", ".join(f"{count:,} × {status}" for status, count in sorted(statuses.items()))
    unanswered = sum(not each.received for each in exchanges)
    # If invalid bytes follow a request, the server drops the answer, but the attempt is recorded.
    is_met = len(answers) <= recorded <= count_tallied() <= recorded + unrecorded
    is_met = is_met and {status for status in statuses if status >= 500} <= {503}
    have_survived = children(gunicorn.process.pid) == workers
    is_met = is_met and have_survived
    figure(
        "Malformed requests break nothing: only an allowed echostr is echoed, every answer is "
        "tallied, every line is JSON",
        target=f"{REQUESTS:,} mangled requests: no 5xx but 503, each answer tallied and logged",
        measured=f"{counts}; {unanswered:,} got no answer; {len(answers):,} callbacks answered, "
        f"{count_tallied():,} tallied, {recorded:,} with a line; "
        f"{'the workers are the same as before' if have_survived else 'a worker died'}",
        is_met=is_met,
    )

    assert is_met
    assert statuses[200] > REQUESTS / 10
    assert b"<script>alert(1)" not in b"".join(body for *_, body in found)
    for sent, status, body in answers:
        assert is_allowed_response(sent, status, body), sent


@pytest.mark.parametrize("raw", VALID_REQUESTS)
def test_the_requests_are_valid_before_they_are_mutated(
    brand_a: OfficialAccount, gunicorn: Gunicorn, raw: bytes
) -> None:
    [(status, headers, body)] = responses(gunicorn.send(raw, timeout=60))

    assert status == (405 if raw.startswith(b"HEAD") else 200)
    assert is_callback_response(headers)
    assert is_allowed_response(raw, status, body)
