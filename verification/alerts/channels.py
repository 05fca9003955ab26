"""Sends messages to people: by a WeCom group robot (企业微信群机器人) and by e-mail.

A channel that fails raises DeliveryError with the reason, without the key or password that it
holds. The alerts then wait for the next round.
"""

from __future__ import annotations

import http.client
import json
import smtplib
import socket
import ssl
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import closing
from functools import partial
from typing import Any, Protocol, TypeVar
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMessage
from django.core.mail.backends.smtp import EmailBackend
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from verification.alerts.message import Message

#: In seconds: for one request to WeCom, and for the whole session with a mail server.
WECOM_TIMEOUT, MAIL_TIMEOUT = 5.0, 20.0
MAX_ANSWER_BYTES = 4096
#: The errcodes of WeCom that the administrator can act on.
WECOM_ERRORS = {
    93000: gettext_lazy(
        "the key in ALERT_WECOM_WEBHOOK does not belong to a robot, or no longer does"
    ),
    45009: gettext_lazy("too many messages in one minute"),
}
#: What each kind of error means to a person; the first that fits counts.
ERROR_MEANINGS: dict[type[Exception], Any] = {  # lazy translations
    TimeoutError: gettext_lazy("no answer in time"),
    ConnectionRefusedError: gettext_lazy("connection refused"),
    socket.gaierror: gettext_lazy("the name has no address"),
    ssl.SSLCertVerificationError: gettext_lazy("the certificate is not trusted"),
    ssl.SSLError: gettext_lazy("no secure connection"),
    smtplib.SMTPServerDisconnected: gettext_lazy("the connection was closed"),
    smtplib.SMTPRecipientsRefused: gettext_lazy("the recipients were refused"),
    smtplib.SMTPNotSupportedError: gettext_lazy("the mail server lacks a feature that is needed"),
    ConnectionError: gettext_lazy("the connection was closed"),
    http.client.HTTPException: gettext_lazy("the answer is not HTTP"),
}


class DeliveryError(Exception):
    """Raised when a channel does not deliver a message. Its text is safe to log."""


class Channel(Protocol):
    name: str
    max_bytes: int

    def send(self, message: Message) -> None:
        """Send the message, of at most `max_bytes` bytes. Raises DeliveryError."""


def configured_channels() -> list[Channel]:
    channels: list[Channel] = []
    if settings.ALERT_WECOM_SECRET_URL:
        channels.append(WeCom(settings.ALERT_WECOM_SECRET_URL))
    if settings.ALERT_EMAIL_TO:
        channels.append(Email(settings.ALERT_EMAIL_TO))
    return channels


class WeCom:
    """Sends plain text: account names cannot become markup, and WeChat's own app shows it too."""

    name = "wecom"
    max_bytes = 2048

    def __init__(self, url: str) -> None:
        self._parts = urlsplit(url)

    def send(self, message: Message) -> None:
        body = {"msgtype": "text", "text": {"content": message.text}}
        try:
            payload = json.dumps(body, ensure_ascii=False).encode()
            code = run_with_timeout(WECOM_TIMEOUT, partial(self._post, payload))
        except Exception as error:  # no error of a channel may stop the watch
            sentence = _("WeCom did not answer as expected ({why})")
            raise DeliveryError(sentence.format(why=_describe(error))) from None
        if code != 0:
            meaning = f": {WECOM_ERRORS[code]}" if code in WECOM_ERRORS else ""
            sentence = _("WeCom refused the message with errcode {code}")
            raise DeliveryError(f"{sentence.format(code=code)}{meaning}")

    def _post(self, body: bytes) -> int:
        """Post the message and return WeCom's errcode; 0 means that WeCom accepted it."""
        with closing(self._connect()) as connection:
            target = f"{self._parts.path}?{self._parts.query}"
            connection.request("POST", target, body, {"Content-Type": "application/json"})
            with connection.getresponse() as response:
                if response.status != 200:
                    raise DeliveryError(_("status {status}").format(status=response.status))
                answer = response.read(MAX_ANSWER_BYTES)
        try:
            return int(json.loads(answer)["errcode"])
        except (KeyError, TypeError, ValueError):
            raise DeliveryError(_("the answer is not WeCom's")) from None

    def _connect(self) -> http.client.HTTPConnection:
        is_https = self._parts.scheme == "https"
        make = http.client.HTTPSConnection if is_https else http.client.HTTPConnection
        return make(str(self._parts.hostname), self._parts.port, timeout=WECOM_TIMEOUT)


class Email:
    name = "email"
    max_bytes = 50_000

    def __init__(self, recipients: list[str]) -> None:
        self._recipients = recipients

    def send(self, message: Message) -> None:
        subject = " ".join(f"[wechat_gateway] {message.title}".split())
        try:
            mail = EmailMessage(subject, message.text, settings.ALERT_EMAIL_FROM, self._recipients)
            run_with_timeout(MAIL_TIMEOUT, partial(self._deliver, mail))
        except Exception as error:  # no error of a channel may stop the watch
            sentence = _("the mail server did not accept the message ({why})")
            raise DeliveryError(sentence.format(why=_describe(error))) from None

    def _deliver(self, mail: EmailMessage) -> None:
        # Not Django's EMAIL_… settings: Django 6.1 replaces them with others, which 5.2 does not
        # know. Only an `alias` tells 6.1 that these arguments are complete; 5.2 ignores it.
        EmailBackend(**settings.ALERT_EMAIL_SERVER, alias="alerts").send_messages([mail])


def _describe(error: Exception) -> str:
    """Return what the error means, but not its text, which may quote the message."""
    if isinstance(error, DeliveryError):
        return str(error)
    if isinstance(error, smtplib.SMTPResponseException):
        return _("code {code}").format(code=error.smtp_code)
    for kind, meaning in ERROR_MEANINGS.items():
        if isinstance(error, kind):
            return str(meaning)
    reason = error.strerror if isinstance(error, OSError) else None
    return reason or type(error).__name__


T = TypeVar("T")


def run_with_timeout(seconds: float, work: Callable[[], T]) -> T:
    """Return what `work` returns, or raise TimeoutError after this many seconds.

    The work runs in a thread, which is abandoned after the timeout: neither a timeout nor SIGTERM
    interrupts the lookup of a host name, and a socket's own timeout restarts with each byte.
    """
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except Exception as error:
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future.result(seconds)
