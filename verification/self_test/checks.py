"""What a trial of a server URL shows, a check and a sentence each, for the people who run it."""

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

from verification.protocol.callback import clean
from verification.self_test import client
from verification.self_test.client import Answer, Phase, Probe

#: Seconds beyond which a slower network or a busier hour may make it too late.
SLOW = 1.0
WECHATS_PORTS = (80, 443)
#: Before this, whoever renews certificates should have done so.
ENDS_SOON = timedelta(days=14)


class Result(Enum):
    """A mark and a word: the colour of neither says anything."""

    PASSED = "✓", gettext_lazy("Passed")
    WARNED = "!", gettext_lazy("Warning")
    FAILED = "✕", gettext_lazy("Failed")
    NOT_REACHED = "–", gettext_lazy("Not reached")
    NOT_APPLICABLE = "·", gettext_lazy("Not applicable")

    @property
    def mark(self) -> str:
        return self.value[0]

    @property
    def word(self) -> Any:
        return self.value[1]


class Check(NamedTuple):
    name: str
    result: Result
    sentence: str


Finding = tuple[Result, str]


def check(trial: Probe) -> list[Check]:
    """Every check, in the order in which a request meets them."""
    checks: list[tuple[str, Callable[[Probe], Finding]]] = [
        (_("Address"), _address),
        (_("Reached"), _reached),
        ("TLS", _tls),
        (_("Status"), _status),
        (_("No redirect"), _redirect),
        (_("Body"), _body),
        ("Content-Length", _length),
        (_("Time"), _time),
    ]
    return [Check(name, *find(trial)) for name, find in checks]


def worst(checks: list[Check]) -> Result:
    """FAILED, WARNED or PASSED: what all of it comes to."""
    results = {check.result for check in checks}
    return next(
        (result for result in (Result.FAILED, Result.WARNED) if result in results), Result.PASSED
    )


def _address(trial: Probe) -> Finding:
    if _is_local(trial.parts.hostname or ""):
        return Result.WARNED, _("WeChat cannot reach it: the address is local to this network.")
    if trial.parts.port not in (None, *WECHATS_PORTS):
        return Result.WARNED, _("WeChat cannot reach it: it only calls the ports 80 and 443.")
    return Result.PASSED, _("It is public, on a port that WeChat calls.")


def _is_local(host: str) -> bool:
    try:
        return not ipaddress.ip_address(host).is_global
    except ValueError:
        return host == "localhost" or host.endswith((".localhost", ".local", ".internal"))


def _reached(trial: Probe) -> Finding:
    host = trial.parts.netloc
    if trial.stage > Phase.CONNECTING:
        return Result.PASSED, _("{host} takes connections.").format(host=host)
    return Result.FAILED, _("{host} cannot be reached: {why}.").format(host=host, why=_why(trial))


def _tls(trial: Probe) -> Finding:
    if trial.parts.scheme != "https":
        return Result.NOT_APPLICABLE, _("The server URL begins with http://.")
    if trial.stage < Phase.SECURING:
        return _not_reached()
    if trial.certificate_ends is None:
        return Result.FAILED, _("No secure connection: {why}.").format(why=_why(trial))
    date = f"{timezone.localtime(trial.certificate_ends):%Y-%m-%d}"
    if trial.certificate_ends < timezone.now() + ENDS_SOON:
        return Result.WARNED, _("The certificate is trusted, but ends on {date}: renew it.").format(
            date=date
        )
    return Result.PASSED, _("The certificate is trusted and valid until {date}.").format(date=date)


def _status(trial: Probe) -> Finding:
    if trial.stage < Phase.ASKING:
        return _not_reached()
    if trial.answer is None:
        return Result.FAILED, _("No HTTP answer came: {why}.").format(why=_why(trial))
    status = trial.answer.status
    if status == 200:
        return Result.PASSED, _("It answers 200.")
    return Result.FAILED, _("It answers {status}, not 200, and says “{body}”.").format(
        status=status, body=clean(trial.answer.body.strip(), 60)
    )


def _redirect(trial: Probe) -> Finding:
    if trial.answer is None:
        return _not_reached()
    if not 300 <= trial.answer.status < 400:
        return Result.PASSED, _("It does not redirect.")
    where = clean(trial.answer.headers.get("location", "?").encode(), 200)
    return Result.FAILED, _("It redirects to {where}, and WeChat follows no redirect.").format(
        where=where
    )


def _body(trial: Probe) -> Finding:
    answer = trial.answer
    if answer is None:
        return _not_reached()
    if answer.status != 200:
        return Result.NOT_REACHED, _("Compared only when the status is 200.")
    if trial.stage < Phase.DONE:
        return Result.FAILED, _("The body broke off: {why}.").format(why=_why(trial))
    if answer.body == answer.echostr.encode():
        return Result.PASSED, _("It is the echostr, byte for byte.")
    return Result.FAILED, _wrong_body(answer)


def _wrong_body(answer: Answer) -> str:
    if answer.body == b"\xef\xbb\xbf" + answer.echostr.encode():
        return _("A byte order mark (BOM) stands before the echostr: save the page without one.")
    return _("{count} bytes came instead of {right}, beginning with “{beginning}”.").format(
        count=len(answer.body), right=len(answer.echostr), beginning=clean(answer.body, 40)
    )


def _length(trial: Probe) -> Finding:
    if trial.answer is None:
        return _not_reached()
    if trial.answer.is_chunked:
        return Result.FAILED, _("The body is chunked, which WeChat's HTTP/1.0 cannot read.")
    length = trial.answer.headers.get("content-length")
    if length is None:
        return Result.WARNED, _("There is none: only the closed connection shows the end.")
    return Result.PASSED, _("It is there ({length}), and the body is not chunked.").format(
        length=clean(length.encode(), 20)
    )


def _time(trial: Probe) -> Finding:
    seconds, patience = trial.seconds, client.PATIENCE
    if isinstance(trial.error, TimeoutError) or seconds >= patience:
        return Result.FAILED, _(
            "No whole answer after {seconds:.1f} s; WeChat gives up after {patience:g} s."
        ).format(seconds=seconds, patience=patience)
    if trial.stage < Phase.DONE:
        return _not_reached()
    if seconds > SLOW:
        return Result.WARNED, _("{seconds:.1f} s. From afar that may be too late.").format(
            seconds=seconds
        )
    return Result.PASSED, _("{milliseconds:.0f} ms.").format(milliseconds=seconds * 1000)


def _not_reached() -> Finding:
    return Result.NOT_REACHED, _("The test did not get this far.")


def _why(trial: Probe) -> str:
    error = trial.error
    if isinstance(error, ssl.SSLCertVerificationError):
        return _("the certificate is not trusted ({why})").format(why=error.verify_message)
    for kind, words in COMMON.items():
        if isinstance(error, kind):
            return str(words)
    return clean(str(error).strip().encode(), 200)  # may hold what the server sent


COMMON: dict[type[Exception], Any] = {
    ConnectionRefusedError: gettext_lazy("connection refused"),
    socket.gaierror: gettext_lazy("the name has no address"),
    TimeoutError: gettext_lazy("no answer in time"),
    http.client.RemoteDisconnected: gettext_lazy("the connection was closed without an answer"),
    http.client.IncompleteRead: gettext_lazy("less came than was announced"),
}
