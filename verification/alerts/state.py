"""From what was found to what is to be told: each trouble once, and once more when it is over."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime

from verification.alerts.finding import Finding
from verification.models import Alert
from verification.models.alert import MAX_TEXT_LENGTH, MAX_TITLE_LENGTH


def apply_findings(found: Iterable[Finding], now: datetime) -> Iterator[Alert]:
    """Keep what was found; the alerts to hand out, changed but not saved."""
    known = {alert.key: alert for alert in Alert.objects.all()}
    for finding in found:
        alert = known.get(finding.key)
        if not finding.is_over:
            known[finding.key] = _begin(alert, finding, now)
        elif alert and not alert.is_over:
            is_worth_telling = finding.title and alert.is_told
            _end(alert, finding)
            if is_worth_telling:
                yield alert
    for alert in known.values():
        if alert.is_due(now):
            alert.told_at = now
            yield alert


def _begin(alert: Alert | None, finding: Finding, now: datetime) -> Alert:
    """Or go on: then only the time is new, until it has been told."""
    if alert is None or alert.is_over:
        alert = alert or Alert(key=finding.key)
        alert.began_at, alert.is_over = now, False
    elif alert.seen_at == finding.at:
        return alert
    alert.seen_at = finding.at
    if not alert.is_told or alert.is_due(now):
        _set_text(alert, finding)
    alert.save()
    return alert


def _end(alert: Alert, finding: Finding) -> None:
    """A trouble that not everybody was told of yet is told together with its end."""
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
