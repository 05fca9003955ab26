"""The reply to each verdict: its status, headers and body. docs/architecture.md has the table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

from verification.protocol.callback import Callback
from verification.protocol.encryption import ReplyEncryption
from verification.protocol.enums import DeliveryResult, Method, Outcome, Reason
from verification.protocol.message import Message

# WeChat's signature does not cover echostr, so anyone who has seen one valid URL can make us send
# any echostr. These headers, and the alphabet of echostr, keep browsers from treating it as a page.
SAFE_HEADERS = {
    "Content-Type": "text/plain; charset=utf-8",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; sandbox",
}
NO_HEADERS: Mapping[str, str] = MappingProxyType({})


class Target(NamedTuple):
    """Holds the backend of an account, as it was when a push was judged."""

    account_id: int
    slug: str
    url: str
    keeps_messages: bool  #: if it fails; otherwise WeChat sends them again
    secrets: tuple[str, ...]  #: the webhook secrets that sign now, encrypted
    is_failing: bool  #: the last delivery failed
    is_open: bool  #: its circuit is open: it has failed several times in a row
    is_probe_due: bool  #: the circuit is open, and it is time to try the backend again
    has_waiting: bool  #: messages of this account wait in the spool
    forwards_decrypted: bool = False

    def __repr__(self) -> str:
        """Leave out the URL, which may hold a password."""
        return f"Target({self.slug!r})"


@dataclass(frozen=True, slots=True, kw_only=True)
class AcceptedPush:
    """Holds an accepted push of an account that has a backend."""

    target: Target
    message: Message = field(repr=False)  #: decrypted, if the account's EncodingAESKey is stored
    plaintext: bytes | None = field(repr=False)  #: what was decrypted, or None
    is_replayed: bool = False  #: too often within a minute, so its message was not read
    #: Encrypts the reply of a backend that gets this message decrypted; None for any other.
    reply_encryption: ReplyEncryption | None = field(default=None, repr=False)
    #: Why the message cannot be forwarded decrypted, as the backend expects it.
    problem: DeliveryResult | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """Holds the decision about a callback, and the account and token that it is based on."""

    outcome: Outcome
    status: int
    reason: Reason | None = None
    detail: str = ""
    account_id: int | None = None
    token_id: int | None = None
    #: The EncodingAESKey that decrypted the message, if it is the first one that it decrypts.
    first_used_key_id: int | None = None
    failed_key_ids: tuple[int, ...] = ()  #: EncodingAESKeys that are new, and did not decrypt it
    push: AcceptedPush | None = None  #: what to forward, if anything
    #: The decrypted echostr of WeCom. It is the answer, and never on record.
    echostr: str = field(default="", repr=False)


class Reply(NamedTuple):
    """A plain-text response that browsers do not treat as a page."""

    status: int
    body: bytes
    extra_headers: Mapping[str, str] = NO_HEADERS  #: in addition to SAFE_HEADERS

    def __repr__(self) -> str:
        """Leave out the body, which may be what a backend replies to a follower."""
        return f"Reply({self.status}, {len(self.body)} bytes)"

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
#: Sent by all pages, which take no upload.
TOO_LARGE = Reply(413, b"too large")
#: Sent to a server of this kind that has forwarded a push to itself.
LOOP = Reply(508, b"loop")
#: The response of /healthz: this process is alive.
HEALTHY = Reply(200, b"ok")


def reply_to(callback: Callback, verdict: Verdict) -> Reply:
    """Return the reply to a callback that has been recorded with this verdict."""
    if verdict.outcome is Outcome.REFUSED:
        return REFUSALS[verdict.status]
    if callback.method is Method.POST:
        return SUCCESS
    return Reply(200, (verdict.echostr or callback.echostr).encode("ascii"))
