"""Turns findings into alerts: each problem is reported once, and once more when it is over."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from verification.alerts.finding import Finding
from verification.models import Alert
from verification.models.alert import MAX_TEXT_LENGTH, MAX_TITLE_LENGTH


def apply_findings(findings: Iterable[Finding], now: datetime) -> Iterator[Alert]:
    """Save the findings as alerts, and yield the alerts to send.

    The caller saves what is yielded: `told_at` has changed.
    """
    alerts = {alert.key: alert for alert in Alert.objects.all()}
    for finding in findings:
        alert = alerts.get(finding.key)
        if not finding.is_over:
            alerts[finding.key] = _begin(alert, finding, now)
        elif alert and not alert.is_over:
            is_to_send = finding.title and alert.was_reported
            _end(alert, finding)
            if is_to_send:
                yield alert
    for alert in alerts.values():
        if alert.is_due(now):
            alert.told_at = now
            yield alert


def _begin(alert: Alert | None, finding: Finding, now: datetime) -> Alert:
    """Begin an alert or continue it.

    Once an alert has been sent, only the time is updated until it is due again.
    """
    if alert is None or alert.is_over:
        alert = alert or Alert(key=finding.key)
        alert.began_at, alert.is_over = now, False
    elif alert.seen_at == finding.at:
        return alert
    alert.seen_at = finding.at
    if not alert.was_reported or alert.is_due(now):
        _set_text(alert, finding)
    alert.save()
    return alert


def _end(alert: Alert, finding: Finding) -> None:
    """End an alert. If it still waits for a channel, its text is sent together with its end."""
    alert.is_over = True
    if finding.title and alert.waiting:
        room = MAX_TEXT_LENGTH - len(finding.title) - 1
        alert.text = f"{alert.text[:room]}\n{finding.title}"
    elif finding.title:
        _set_text(alert, finding)
    alert.save()


def _set_text(alert: Alert, finding: Finding) -> None:
    alert.title = " ".join(finding.title.split())[:MAX_TITLE_LENGTH]
    alert.text, alert.link = finding.text[:MAX_TEXT_LENGTH], finding.link
