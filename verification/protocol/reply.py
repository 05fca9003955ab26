"""The reply policy: a verdict in, status and bytes out. docs/architecture.md has it as a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from verification.protocol.callback import Callback
from verification.protocol.words import Kind, Outcome, Reason

# echostr is not covered by WeChat's signature, so whoever saw one valid URL can make us send
# any echostr: these headers and its alphabet are what keeps it from being a page.
SAFE_HEADERS = {
    "Content-Type": "text/plain; charset=utf-8",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; sandbox",
}
REFUSALS = {400: b"bad request", 403: b"bad token", 405: b"method not allowed"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What was decided about a callback, and by which account and token."""

    outcome: Outcome
    status: int
    reason: Reason | None = None
    detail: str = ""
    account_id: int | None = None
    token_id: int | None = None


class Reply(NamedTuple):
    status: int
    body: bytes
    headers: dict[str, str]


def reply_to(callback: Callback, verdict: Verdict) -> Reply:
    if verdict.outcome is Outcome.REFUSED:
        extra = {"Allow": "GET, POST"} if verdict.status == 405 else {}
        return plain_reply(verdict.status, REFUSALS[verdict.status], extra)
    if callback.kind is Kind.MESSAGE_PUSH:
        # "success" tells WeChat not to send the message again.
        return plain_reply(200, b"success")
    return plain_reply(200, callback.echostr.encode("ascii"))


def plain_reply(status: int, body: bytes, extra: dict[str, str] | None = None) -> Reply:
    """Text that no browser takes for a page, with its length."""
    # WeChat speaks HTTP/1.0 and cannot read a chunked body.
    headers = {**SAFE_HEADERS, "Content-Length": str(len(body)), **(extra or {})}
    return Reply(status, body, headers)


#: Sent when an attempt could not be recorded in time: no answer without a record.
TRY_AGAIN = plain_reply(503, b"try again", {"Retry-After": "5"})

#: This process is alive.
HEALTHY = plain_reply(200, b"ok")
