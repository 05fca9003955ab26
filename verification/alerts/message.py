"""Composes one message from several alerts, within the length that a channel accepts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from verification.models import Alert


@dataclass(frozen=True)
class Message:
    title: str
    text: str


def compose(alerts: Sequence[Alert], max_bytes: int, footnote: str = "") -> Message:
    """Return a message of at most `max_bytes` with the alerts that fit and the number of others."""
    title = alerts[0].title
    if len(alerts) > 1:
        title = _("{title} (and {count} more)").format(title=title, count=len(alerts) - 1)
    room = max_bytes - len(_below(footnote).encode())
    text, rest = "", len(alerts)
    for alert in alerts:
        longer = f"{text}\n\n{_paragraph(alert)}".strip()
        if len((longer + _more(rest)).encode()) > room:
            break
        text, rest = longer, rest - 1
    if not text:
        text, rest = _cut(_paragraph(alerts[0]), room - 100), rest - 1
    return Message(title, text + (_more(rest) if rest else "") + _below(footnote))


def _paragraph(alert: Alert) -> str:
    return "\n".join(filter(None, [alert.title, alert.text, alert.link]))


def _more(count: int) -> str:
    more = ngettext("… and {count} more alert.", "… and {count} more alerts.", count)
    return _below(more.format(count=count))


def _below(text: str) -> str:
    return f"\n\n{text}" if text else ""


def _cut(text: str, max_bytes: int) -> str:
    return text.encode()[:max_bytes].decode(errors="ignore") + "…"
