"""Sends waiting alerts: one message per channel and round, up to ALERT_MESSAGES_PER_HOUR."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from verification.alerts.channels import Channel, DeliveryError
from verification.alerts.conditions import is_about_log
from verification.alerts.message import compose
from verification.models import Alert, WatchPosition
from verification.times import format_datetime

logger = logging.getLogger(__name__)

HOUR = timedelta(hours=1)


def deliver(channels: Sequence[Channel], position: WatchPosition) -> list[str]:
    """Send the waiting alerts and return the names of channels that failed.

    Alerts that a channel did not accept wait for the next round.
    """
    waiting = list(Alert.objects.exclude(waiting=[]).order_by("id"))
    waiting.sort(key=lambda alert: not is_about_log(alert.key))  # alerts about the log come first
    failed = []
    for channel in channels:
        alerts = [alert for alert in waiting if channel.name in alert.waiting]
        if alerts and not send_alerts(channel, alerts, position):
            failed.append(channel.name)
    return failed


def send_alerts(channel: Channel, alerts: list[Alert], position: WatchPosition) -> bool:
    """Send the alerts as one message, and return False if the channel failed.

    When the limit of the hour is reached, the alerts wait and are sent together as soon as it
    permits another message.
    """
    now = timezone.now()
    times = (datetime.fromtimestamp(at, UTC) for at in position.sent.get(channel.name, []))
    sent = [time for time in times if now - time < HOUR]
    left = settings.ALERT_MESSAGES_PER_HOUR - len(sent)
    if left <= 0:
        return True
    sent.append(now)
    footnote = format_limit_note(sent[0] + HOUR) if left == 1 else ""
    message = compose(alerts, channel.max_bytes, footnote)
    try:
        with translation.override("en"):  # the language of log lines
            channel.send(message)
    except DeliveryError as error:
        logger.warning("Could not send by %s, will retry: %s.", channel.name, error)
        return False
    for alert in alerts:
        alert.waiting.remove(channel.name)
        alert.save(update_fields=["waiting"])
    position.sent[channel.name] = [moment.timestamp() for moment in sent]
    position.save(update_fields=["sent"])
    noun = "alert" if len(alerts) == 1 else "alerts"
    logger.info("Sent %d %s by %s.", len(alerts), noun, channel.name)
    return True


def format_limit_note(moment: datetime) -> str:
    """Return the note under the last message that the hour permits."""
    return _(
        "This is the last message that the hourly limit permits. The next one comes at {time}, "
        "with everything that happens until then."
    ).format(time=format_datetime(moment, "%H:%M"))
