"""The variables of `manage.py watch`: when it tells people of something, and how."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured, ValidationError
from django.core.validators import validate_email

from wechat_gateway import env

WECOM = r"https://qyapi\.weixin\.qq\.com/cgi-bin/webhook/send\?key=[A-Za-z0-9-]{1,80}"
#: To try it without a group: something on this machine that plays WeCom.
LOOPBACK = r"http://127\.0\.0\.1:[0-9]{1,5}/cgi-bin/webhook/send\?key=[A-Za-z0-9-]{1,80}"

#: Seconds that a mail server may take over each of its answers.
MAIL_PATIENCE = 5


def seconds_between_looks() -> int:
    return env.integer("ALERT_EVERY", 60, lowest=10, highest=300)


def messages_per_hour() -> int:
    """WeCom takes 20 a minute from a robot, which so few an hour never are."""
    return env.integer("ALERT_MESSAGES_PER_HOUR", 12, lowest=1, highest=20)


def refusals() -> tuple[int, int]:
    """So many refusals in so many minutes are worth a message."""
    found = re.fullmatch(r"([0-9]{1,3})/([0-9]{1,3})", env.text("ALERT_REFUSALS", "5/10"))
    count, minutes = map(int, found.groups()) if found else (0, 0)
    if not (count and minutes):
        raise ImproperlyConfigured(
            "ALERT_REFUSALS must look like 5/10: so many refusals in so many minutes, 1 to 999."
        )
    return count, minutes


def wecom_webhook(*, is_local: bool) -> str:
    """Only WeCom's own host, so that a slip of the pen tells nobody else; empty when not set."""
    url = env.text("ALERT_WECOM_WEBHOOK")
    allowed = rf"{WECOM}|{LOOPBACK}" if is_local else WECOM
    if url and not re.fullmatch(allowed, url):
        raise ImproperlyConfigured(
            "ALERT_WECOM_WEBHOOK must be the robot's address as WeCom shows it: "
            "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=…."
        )
    return url


def addresses(name: str) -> list[str]:
    found = env.words(name)
    for address in found:
        if not is_address(address):
            raise ImproperlyConfigured(f"{name} must hold e-mail addresses, separated by commas.")
    return found


def mail_settings(recipients: list[str]) -> dict[str, Any]:
    """Django's settings for sending mail, from EMAIL_URL."""
    url = env.text("EMAIL_URL")
    if not url:
        if recipients:
            raise ImproperlyConfigured("ALERT_EMAIL_TO must not be set without EMAIL_URL.")
        return {}
    server = _mail_server(url)
    sender = addresses("ALERT_EMAIL_FROM")[:1] or [server["EMAIL_HOST_USER"]]
    if not is_address(sender[0]):
        raise ImproperlyConfigured(
            "ALERT_EMAIL_FROM must be set to an address, as the user in EMAIL_URL is none."
        )
    return {**server, "EMAIL_TIMEOUT": MAIL_PATIENCE, "DEFAULT_FROM_EMAIL": sender[0]}


def _mail_server(url: str) -> dict[str, Any]:
    """smtps:// speaks TLS from the start, smtp:// after STARTTLS, which ?tls=0 leaves out."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:  # which may quote a part of the password
        host, port = None, None
    query = parse_qs(parts.query, keep_blank_values=True) if host else {}
    is_known = host and parts.scheme in {"smtp", "smtps"} and parts.path in {"", "/"}
    if not is_known or parts.fragment or query not in ({}, {"tls": ["0"]}, {"tls": ["1"]}):
        raise ImproperlyConfigured(
            "EMAIL_URL must look like smtp://user:password@host:587 or smtps://…:465."
        )
    is_tls_from_the_start = parts.scheme == "smtps"
    return {
        "EMAIL_HOST": host,
        "EMAIL_PORT": port or (465 if is_tls_from_the_start else 587),
        "EMAIL_HOST_USER": unquote(parts.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(parts.password or ""),
        "EMAIL_USE_SSL": is_tls_from_the_start,
        "EMAIL_USE_TLS": not is_tls_from_the_start and query != {"tls": ["0"]},
    }


def is_address(text: str) -> bool:
    try:
        validate_email(text)
    except ValidationError:
        return False
    return True
