"""Turns the result of a probe into checks, each with a result and a sentence for a person."""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
from collections.abc import Callable
from datetime import timedelta
from enum import Enum
from typing import Any, NamedTuple

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from verification.protocol.request import clean
from verification.self_test import client
from verification.self_test.client import Answer, Phase, Probe

#: Beyond this share of the time that the platform waits, a slower network or a busier hour may make
#: the answer too late.
SLOW_SHARE = 0.2
WECHAT_PORTS = (80, 443)
#: Certificates should have been renewed this long before they end.
RENEWAL_PERIOD = timedelta(days=14)


class Result(Enum):
    """The result of a check. Its mark and label say everything; colour adds nothing."""

    PASSED = "✓", gettext_lazy("Passed")
    WARNED = "!", gettext_lazy("Warning")
    FAILED = "✕", gettext_lazy("Failed")
    NOT_REACHED = "–", gettext_lazy("Not reached")
    NOT_APPLICABLE = "·", gettext_lazy("Not applicable")

    @property
    def mark(self) -> str:
        return self.value[0]

    @property
    def label(self) -> Any:
        return self.value[1]


class Check(NamedTuple):
    name: str
    result: Result
    sentence: str


Finding = tuple[Result, str]


def check(probe: Probe) -> list[Check]:
    """Return every check, in the order of the phases of a request."""
    checks: list[tuple[str, Callable[[Probe], Finding]]] = [
        (_("Address"), _address),
        (_("Reached"), _reached),
        ("TLS", _tls),
        (_("Status"), _status),
        (_("No redirect"), check_redirect),
        (_("Body"), _body),
        ("Content-Length", check_length),
        (_("Time"), _time),
    ]
    return [Check(name, *inspect(probe)) for name, inspect in checks]


def worst(checks: list[Check]) -> Result:
    """Return the overall result: FAILED, WARNED or PASSED."""
    results = {check.result for check in checks}
    for result in (Result.FAILED, Result.WARNED):
        if result in results:
            return result
    return Result.PASSED


def _caller(probe: Probe) -> str:
    """Return who calls as the probe does, for the sentences."""
    return _("WeCom") if probe.is_wecom else _("WeChat")


def _address(probe: Probe) -> Finding:
    caller = _caller(probe)
    if is_local(probe.parts.hostname or ""):
        sentence = _("{caller} cannot reach it: the address is local to this network.")
        return Result.WARNED, sentence.format(caller=caller)
    if probe.is_wecom:
        return Result.PASSED, _("It is public. WeCom calls any port.")
    if probe.parts.port not in (None, *WECHAT_PORTS):
        return Result.WARNED, _("WeChat cannot reach it: it only calls the ports 80 and 443.")
    return Result.PASSED, _("It is public, on a port that WeChat calls.")


def is_local(host: str) -> bool:
    """Return whether the host is reachable only from this network, not from WeChat."""
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return host == "localhost" or host.endswith((".localhost", ".local", ".internal"))


def _reached(probe: Probe) -> Finding:
    host = probe.parts.netloc
    if probe.phase > Phase.CONNECTING:
        return Result.PASSED, _("{host} accepts connections.").format(host=host)
    return Result.FAILED, _("{host} cannot be reached: {why}.").format(
        host=host, why=_describe_error(probe)
    )


def _tls(probe: Probe) -> Finding:
    if probe.parts.scheme != "https":
        return Result.NOT_APPLICABLE, _("The server URL begins with http://.")
    if probe.phase < Phase.SECURING:
        return _not_reached()
    if probe.certificate_ends is None:
        return Result.FAILED, _("No secure connection: {why}.").format(why=_describe_error(probe))
    date = f"{timezone.localtime(probe.certificate_ends):%Y-%m-%d}"
    if probe.certificate_ends < timezone.now() + RENEWAL_PERIOD:
        return Result.WARNED, _("The certificate is trusted, but ends on {date}: renew it.").format(
            date=date
        )
    return Result.PASSED, _("The certificate is trusted and valid until {date}.").format(date=date)


def _status(probe: Probe) -> Finding:
    if probe.phase < Phase.ASKING:
        return _not_reached()
    if probe.answer is None:
        return Result.FAILED, _("No HTTP answer came: {why}.").format(why=_describe_error(probe))
    status = probe.answer.status
    if status == 200:
        return Result.PASSED, _("It answers 200.")
    return Result.FAILED, describe_status(probe.answer)


def describe_status(answer: Answer) -> str:
    """Return a sentence that says which status came instead of 200, and what the body says."""
    body = clean(answer.body.strip(), 60)
    if not body:
        return _("It answers {status}, not 200.").format(status=answer.status)
    sentence = _("It answers {status}, not 200, and says “{body}”.")
    return sentence.format(status=answer.status, body=body)


def check_redirect(probe: Probe) -> Finding:
    if probe.answer is None:
        return _not_reached()
    if not 300 <= probe.answer.status < 400:
        return Result.PASSED, _("It does not redirect.")
    location = clean(probe.answer.headers.get("location", "?").encode(), 200)
    return Result.FAILED, _("It redirects to {where}, and {caller} follows no redirect.").format(
        where=location, caller=_caller(probe)
    )


def _body(probe: Probe) -> Finding:
    answer = probe.answer
    if answer is None:
        return _not_reached()
    if answer.status != 200:
        return Result.NOT_REACHED, _("Compared only when the status is 200.")
    if probe.phase < Phase.DONE:
        return Result.FAILED, _("The body broke off: {why}.").format(why=_describe_error(probe))
    if answer.body != answer.echostr.encode():
        return Result.FAILED, _describe_wrong_body(answer, probe.sent_echostr)
    if probe.is_wecom:
        return Result.PASSED, _("It is the decrypted echostr, byte for byte.")
    return Result.PASSED, _("It is the echostr, byte for byte.")


def _describe_wrong_body(answer: Answer, sent_echostr: str) -> str:
    body, right = answer.body, answer.echostr.encode()
    if body == b"\xef\xbb\xbf" + right:
        return _(
            "A byte order mark (BOM) precedes the echostr. Something in front of this server adds "
            "it, or another program answers. If that program is to answer, save its files without "
            "one."
        )
    if body in {b'"%s"' % right, b"'%s'" % right}:
        return _(
            "The echostr is in quotes. Something in front of this server adds them, or another "
            "program answers."
        )
    if body.strip() == right:
        return _(
            "The echostr has a line break or a blank beside it. Something in front of this server "
            "adds it, or another program answers."
        )
    if sent_echostr != answer.echostr and body.strip() == sent_echostr.encode():
        return _(
            "It is the echostr as it was sent, still encrypted. Another program answers: check "
            "where the URL leads."
        )
    return _("{count} bytes came instead of {right}, beginning with “{beginning}”.").format(
        count=len(body), right=len(right), beginning=clean(body, 40)
    )


def check_length(probe: Probe) -> Finding:
    if probe.answer is None:
        return _not_reached()
    if probe.answer.is_chunked and probe.is_wecom:
        return Result.PASSED, _("The body is chunked, which WeCom's HTTP/1.1 can read.")
    if probe.answer.is_chunked:
        return Result.FAILED, _("The body is chunked, which WeChat's HTTP/1.0 cannot read.")
    length = probe.answer.headers.get("content-length")
    if length is None:
        return Result.WARNED, _(
            "It is missing: only the closed connection marks the end of the body."
        )
    return Result.PASSED, _("It is there ({length}), and the body is not chunked.").format(
        length=clean(length.encode(), 20)
    )


def _time(probe: Probe) -> Finding:
    caller, seconds = _caller(probe), probe.seconds
    if isinstance(probe.error, TimeoutError) or seconds >= client.TIMEOUT:
        return Result.FAILED, _(
            "No complete answer after {seconds:.1f} s; {caller} gives up after {timeout:g} s."
        ).format(caller=caller, seconds=seconds, timeout=probe.timeout)
    if probe.phase < Phase.DONE:
        return _not_reached()
    if seconds > probe.timeout:
        return Result.FAILED, _(
            "{seconds:.1f} s, and {caller} gives up after {timeout:g} s."
        ).format(caller=caller, seconds=seconds, timeout=probe.timeout)
    if seconds > probe.timeout * SLOW_SHARE:
        return Result.WARNED, _(
            "{seconds:.1f} s. Over a longer distance, that may be too late."
        ).format(seconds=seconds)
    return Result.PASSED, _("{milliseconds:.0f} ms.").format(milliseconds=seconds * 1000)


def _not_reached() -> Finding:
    return Result.NOT_REACHED, _("The test did not get this far.")


def _describe_error(probe: Probe) -> str:
    """Return the reason why the probe failed. It may contain what the server sent."""
    error = probe.error
    if isinstance(error, ssl.SSLCertVerificationError):
        return _("the certificate is not trusted ({why})").format(why=error.verify_message)
    for kind, description in COMMON_ERRORS.items():
        if isinstance(error, kind):
            return str(description)
    return clean(str(error).strip().encode(), 200)


COMMON_ERRORS: dict[type[Exception], Any] = {
    ConnectionRefusedError: gettext_lazy("connection refused"),
    socket.gaierror: gettext_lazy("the name has no address"),
    TimeoutError: gettext_lazy("no answer in time"),
    http.client.RemoteDisconnected: gettext_lazy("the connection was closed without an answer"),
    http.client.IncompleteRead: gettext_lazy("the answer is shorter than its Content-Length"),
}
