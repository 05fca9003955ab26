"""Turns any bytes into a request, and checks the rules that hold for every parsed callback."""

from __future__ import annotations

import json
import re

from verification.protocol.callback import Callback, parse_callback
from verification.protocol.client_ip import canonical_ip
from verification.protocol.enums import Kind, Outcome
from verification.protocol.reply import Verdict, reply_to
from verification.protocol.request import Request, path_slug

FIELDS = ("method", "path", "query", "peer", "host", "user-agent", "x-forwarded-for")
MAX_LENGTHS = {
    **{"path_slug": 40, "timestamp": 20, "nonce": 128, "echostr": 256},
    **{"user_agent": 200, "host": 100},
}
PRINTABLE = re.compile(r"[ -~]*")
ECHOSTR = re.compile(rb"[A-Za-z0-9_+/=.~-]{1,256}")
ACCEPTED = Verdict(outcome=Outcome.ACCEPTED, status=200)


def check(data: bytes) -> None:
    """Parse the request in `data`; raise AssertionError if the result breaks a rule.

    An exception of the parser is not caught, because it must not raise any.
    """
    request = as_request(data)
    slug = path_slug(request)
    if slug is not None:
        check_callback(parse_callback(request, slug, len(data) % 3, b"key"))


def as_request(data: bytes) -> Request:
    """Return the request whose fields are the lines of `data`; the default path is an account's."""
    fields = dict(zip(FIELDS, data.split(b"\n", len(FIELDS) - 1), strict=False))
    text = {name: value.decode("latin-1") for name, value in fields.items()}
    return Request(
        method=text.get("method") or "GET",
        path=fields.get("path") or b"/wechat/brand-a",
        query=fields.get("query", b""),
        headers={name: value for name, value in text.items() if name in FIELDS[4:]},
        peer=text.get("peer", ""),
        scheme="http",
        http_version="1.1",
    )


def check_callback(callback: Callback) -> None:
    for name, max_length in MAX_LENGTHS.items():
        value = getattr(callback, name)
        assert PRINTABLE.fullmatch(value), name
        assert len(value) <= max_length, name
    assert callback.signature is None or len(callback.signature) == 20
    assert callback.client_ip is None or canonical_ip(callback.client_ip) == callback.client_ip
    assert abs(callback.clock_skew or 0) < 2**31
    json.dumps(str(callback))
    if callback.error is None:
        check_reply(callback)


def check_reply(callback: Callback) -> None:
    """Check the reply that it would get if it were accepted."""
    reply = reply_to(callback, ACCEPTED)
    is_push = callback.kind is Kind.MESSAGE_PUSH
    assert callback.signature is not None
    assert reply.body == b"success" if is_push else ECHOSTR.fullmatch(reply.body)
    assert reply.headers["Content-Length"] == str(len(reply.body))
