"""Ways to reach people: a WeCom group robot (企业微信群机器人) and e-mail.

A channel that fails says why in a few words, without the key or password that it holds: what
could not be told waits for the next round.
"""

from __future__ import annotations

import http.client
import json
import smtplib
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import closing
from functools import partial
from typing import Protocol, TypeVar
from urllib.parse import urlsplit

from django.conf import settings
from django.core.mail import EmailMessage

from verification.alerts.message import Message

#: Seconds for WeCom to answer, and for all that a mail server is told.
WECOM_PATIENCE, MAIL_PATIENCE = 5.0, 20.0
LONGEST_ANSWER = 4096
#: What WeCom answers that somebody here can act on.
MEANINGS = {
    93000: "the key in ALERT_WECOM_WEBHOOK is not, or no longer, a robot's",
    45009: "too many messages in one minute",
}


class DeliveryError(Exception):
    """Says why, in words that can be logged."""


class Channel(Protocol):
    name: str
    most_bytes: int

    def send(self, message: Message) -> None:
        """Raises DeliveryError."""


def configured_channels() -> list[Channel]:
    channels: list[Channel] = []
    if settings.ALERT_WECOM_SECRET_URL:
        channels.append(WeCom(settings.ALERT_WECOM_SECRET_URL))
    if settings.ALERT_EMAIL_TO:
        channels.append(Email(settings.ALERT_EMAIL_TO))
    return channels


class WeCom:
    """Plain text: names of accounts cannot become markup, and WeChat's own app shows it, too."""

    name = "wecom"
    most_bytes = 2048

    def __init__(self, url: str) -> None:
        self._parts = urlsplit(url)

    def send(self, message: Message) -> None:
        body = {"msgtype": "text", "text": {"content": message.text}}
        try:
            payload = json.dumps(body, ensure_ascii=False).encode()
            code = in_time(WECOM_PATIENCE, partial(self._post, payload))
        except Exception as error:  # whatever it was: nothing may stop the watch
            raise DeliveryError(f"WeCom did not answer as it should ({_describe(error)})") from None
        if code != 0:
            meaning = f": {MEANINGS[code]}" if code in MEANINGS else ""
            raise DeliveryError(f"WeCom refused the message with errcode {code}{meaning}")

    def _post(self, body: bytes) -> int:
        """Its errcode; 0 means that it was taken."""
        with closing(self._connect()) as connection:
            target = f"{self._parts.path}?{self._parts.query}"
            connection.request("POST", target, body, {"Content-Type": "application/json"})
            with connection.getresponse() as response:
                if response.status != 200:
                    raise DeliveryError(f"status {response.status}")
                return int(json.loads(response.read(LONGEST_ANSWER))["errcode"])

    def _connect(self) -> http.client.HTTPConnection:
        is_https = self._parts.scheme == "https"
        make = http.client.HTTPSConnection if is_https else http.client.HTTPConnection
        return make(str(self._parts.hostname), self._parts.port, timeout=WECOM_PATIENCE)


class Email:
    name = "email"
    most_bytes = 50_000

    def __init__(self, recipients: list[str]) -> None:
        self._recipients = recipients

    def send(self, message: Message) -> None:
        subject = " ".join(f"[wechat_gateway] {message.title}".split())
        try:
            mail = EmailMessage(subject, message.text, to=self._recipients)
            in_time(MAIL_PATIENCE, mail.send)
        except Exception as error:  # whatever it was: nothing may stop the watch
            raise DeliveryError(f"the mail server did not take it ({_describe(error)})") from None


def _describe(error: Exception) -> str:
    """Never its whole text, which may quote what we sent."""
    if isinstance(error, DeliveryError):
        return str(error)
    if isinstance(error, smtplib.SMTPResponseException):
        return f"code {error.smtp_code}"
    name = type(error).__name__
    reason = error.strerror if isinstance(error, OSError) else None
    return f"{name}: {reason}" if reason else name


T = TypeVar("T")


def in_time(seconds: float, work: Callable[[], T]) -> T:
    """What `work` returns or raises; TimeoutError after so many seconds.

    In a thread, which is then left to itself: nothing interrupts the search for a host's address,
    neither a timeout nor SIGTERM, and a socket's timeout begins anew with each byte.
    """
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except Exception as error:
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future.result(seconds)
