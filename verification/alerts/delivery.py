"""Sending what waits: one message a channel and round, and only so many an hour."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _

from verification.alerts.channels import Channel, DeliveryError
from verification.alerts.conditions import is_of_the_log
from verification.alerts.message import compose
from verification.models import Alert, WatchPosition
from verification.times import format_datetime

logger = logging.getLogger(__name__)

HOUR = timedelta(hours=1)


def deliver(channels: Sequence[Channel], position: WatchPosition) -> list[str]:
    """The names of channels that did not take it: there it waits for the next round."""
    waiting = list(Alert.objects.exclude(waiting=[]).order_by("id"))
    waiting.sort(key=lambda alert: not is_of_the_log(alert.key))  # those stay first
    failed = []
    for channel in channels:
        own = [alert for alert in waiting if channel.name in alert.waiting]
        if own and not deliver_by(channel, own, position):
            failed.append(channel.name)
    return failed


def deliver_by(channel: Channel, alerts: list[Alert], position: WatchPosition) -> bool:
    """What the hour has no room for waits, and comes together in the next hour's first message."""
    now = timezone.now()
    sent = sent_within_the_hour(channel, position, now)
    left = settings.ALERT_MESSAGES_PER_HOUR - len(sent)
    if left <= 0:
        return True
    sent.append(now)
    footnote = format_pause(sent[0] + HOUR) if left == 1 else ""
    try:
        channel.send(compose(alerts, channel.most_bytes, footnote))
    except DeliveryError as why:
        logger.warning("Not told by %s, to be tried again: %s.", channel.name, why)
        return False
    for alert in alerts:
        alert.waiting.remove(channel.name)
        alert.save(update_fields=["waiting"])
    position.sent[channel.name] = [moment.timestamp() for moment in sent]
    position.save(update_fields=["sent"])
    logger.info("Told %d alerts by %s.", len(alerts), channel.name)
    return True


def sent_within_the_hour(
    channel: Channel, position: WatchPosition, now: datetime
) -> list[datetime]:
    times = (datetime.fromtimestamp(it, UTC) for it in position.sent.get(channel.name, []))
    return [time for time in times if now - time < HOUR]


def format_pause(moment: datetime) -> str:
    return _(
        "So many messages came within an hour that the next one comes at {time}, "
        "with all that happens until then."
    ).format(time=format_datetime(moment, "%H:%M"))
