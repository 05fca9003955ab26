"""The reply to each verdict: its status, headers and body. docs/architecture.md has the table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

from verification.protocol.callback import Callback
from verification.protocol.enums import Kind, Outcome, Reason

# WeChat's signature does not cover echostr, so anyone who has seen one valid URL can make us send
# any echostr. These headers, and the alphabet of echostr, keep browsers from treating it as a page.
SAFE_HEADERS = {
    "Content-Type": "text/plain; charset=utf-8",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; sandbox",
}
NO_HEADERS: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Holds the decision about a callback, and the account and token that it is based on."""

    outcome: Outcome
    status: int
    reason: Reason | None = None
    detail: str = ""
    account_id: int | None = None
    token_id: int | None = None


class Reply(NamedTuple):
    """A plain-text response that browsers do not treat as a page."""

    status: int
    body: bytes
    extra_headers: Mapping[str, str] = NO_HEADERS  #: in addition to SAFE_HEADERS

    @property
    def headers(self) -> dict[str, str]:
        # WeChat speaks HTTP/1.0 and cannot read a chunked body.
        return {**SAFE_HEADERS, "Content-Length": str(len(self.body)), **self.extra_headers}


REFUSALS = {
    400: Reply(400, b"bad request"),
    403: Reply(403, b"bad token"),
    405: Reply(405, b"method not allowed", {"Allow": "GET, POST"}),
}
#: "success" keeps WeChat from sending the message again.
SUCCESS = Reply(200, b"success")
#: Sent when an attempt could not be recorded in time. There is no answer without a record.
TRY_AGAIN = Reply(503, b"try again", {"Retry-After": "5"})
#: The response of /healthz: this process is alive.
HEALTHY = Reply(200, b"ok")


def reply_to(callback: Callback, verdict: Verdict) -> Reply:
    """Return the reply to a callback that has been recorded with this verdict."""
    if verdict.outcome is Outcome.REFUSED:
        return REFUSALS[verdict.status]
    if callback.kind is Kind.MESSAGE_PUSH:
        return SUCCESS
    return Reply(200, callback.echostr.encode("ascii"))
