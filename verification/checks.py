"""Checks of the log as they are recorded: when, by whom, and what was found."""

from __future__ import annotations

from verification.audit import Report
from verification.models import ChangeEvent

LOG_CHECKED = ChangeEvent.Action.LOG_CHECKED


def record_check(report: Report, actor: str, client_ip: str | None = None) -> ChangeEvent:
    """What was found, in the change log."""
    facts = {
        "intact": not report.problems,
        "seals": report.seals,
        "attempts": report.attempts,
        "head": report.head.text if report.head else None,
        "problems": report.problems,
    }
    return ChangeEvent.objects.create(
        actor=actor, client_ip=client_ip, action=LOG_CHECKED, facts=facts
    )


def latest_check() -> ChangeEvent | None:
    return ChangeEvent.objects.filter(action=LOG_CHECKED).order_by("-id").first()
