"""Reads the variables of `manage.py watch`: when it sends alerts, and through which channels."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from wechat_gateway import env
from wechat_gateway.env import _

WECOM = r"https://qyapi\.weixin\.qq\.com/cgi-bin/webhook/send\?key=[A-Za-z0-9-]{1,80}"
#: Allowed with WECHAT_GATEWAY_LOCAL=1 only: a stand-in for WeCom on this machine.
LOOPBACK = r"http://127\.0\.0\.1:[0-9]{1,5}/cgi-bin/webhook/send\?key=[A-Za-z0-9-]{1,80}"

#: Seconds to wait for each response of the mail server.
MAIL_TIMEOUT = 5


def check_interval() -> int:
    """Return the number of seconds between two checks."""
    return env.integer("ALERT_EVERY", 60, lowest=10, highest=300)


def messages_per_hour() -> int:
    """Return the highest number of messages an hour.

    WeCom accepts 20 messages a minute from a robot, so 20 an hour never reach its limit.
    """
    return env.integer("ALERT_MESSAGES_PER_HOUR", 12, lowest=1, highest=20)


def refusal_threshold() -> tuple[int, int]:
    """Return `(count, minutes)`: alert after `count` refusals within `minutes` minutes."""
    match = re.fullmatch(r"([0-9]{1,3})/([0-9]{1,3})", env.text("ALERT_REFUSALS", "5/10"))
    count, minutes = map(int, match.groups()) if match else (0, 0)
    if not (count and minutes):
        env.report(
            _(
                "ALERT_REFUSALS must look like 5/10 (alert after 5 refusals within 10 minutes), "
                "with both numbers from 1 to 999."
            )
        )
    return count, minutes


def wecom_webhook(*, is_local: bool) -> str:
    """Return the address of the WeCom robot, or an empty string if none is set.

    Only WeCom's own host is allowed, so that a typing error cannot send alerts to a stranger.
    """
    url = env.text("ALERT_WECOM_WEBHOOK")
    allowed = rf"{WECOM}|{LOOPBACK}" if is_local else WECOM
    if url and not re.fullmatch(allowed, url):
        env.report(
            _(
                "ALERT_WECOM_WEBHOOK must be the robot's address as WeCom shows it: "
                "https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=…."
            )
        )
    return url


def email_addresses(name: str) -> list[str]:
    """Return the e-mail addresses that the variable `name` lists."""
    addresses = env.comma_separated(name)
    if not all(map(is_email_address, addresses)):
        env.report(_("%(name)s must hold e-mail addresses, separated by commas."), name=name)
    return addresses


def mail_settings(recipients: list[str]) -> tuple[str, dict[str, Any]]:
    """Return the sender of mails and the arguments of Django's SMTP backend.

    Both are empty if EMAIL_URL is not set.
    """
    url = env.text("EMAIL_URL")
    if not url:
        if recipients:
            env.report(_("ALERT_EMAIL_TO must not be set without EMAIL_URL: set EMAIL_URL, too."))
        return "", {}
    server = _mail_server(url)
    if not server:
        return "", {}
    sender = email_addresses("ALERT_EMAIL_FROM")[:1] or [server["username"]]
    if not is_email_address(sender[0]):
        env.report(
            _(
                "ALERT_EMAIL_FROM must be set to an e-mail address, because the user in EMAIL_URL "
                "is not one."
            )
        )
    return sender[0], server


def _mail_server(url: str) -> dict[str, Any]:
    """Return the arguments of Django's SMTP backend that EMAIL_URL holds; none if it is malformed.

    smtps:// uses TLS from the first byte. smtp:// starts it with STARTTLS, unless the URL ends
    with ?tls=0.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:  # its message may quote a part of the password
        host, port = None, None
    query = parse_qs(parts.query, keep_blank_values=True) if host else {}
    is_known = host and parts.scheme in {"smtp", "smtps"} and parts.path in {"", "/"}
    if not is_known or parts.fragment or query not in ({}, {"tls": ["0"]}, {"tls": ["1"]}):
        env.report(_("EMAIL_URL must look like smtp://user:password@host:587 or smtps://…:465."))
        return {}
    is_implicit_tls = parts.scheme == "smtps"
    return {
        "host": host,
        "port": port or (465 if is_implicit_tls else 587),
        "username": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        "use_ssl": is_implicit_tls,
        "use_tls": not is_implicit_tls and query != {"tls": ["0"]},
        "timeout": MAIL_TIMEOUT,
    }


def is_email_address(text: str) -> bool:
    try:
        validate_email(text)
    except ValidationError:
        return False
    return True
