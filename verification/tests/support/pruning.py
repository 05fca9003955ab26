"""Prune with the command, and list what is left."""

from __future__ import annotations

from django.core.management import call_command

from verification.models import ChangeEvent, VerificationAttempt


def prune_older_than(days: str, **options: bool) -> None:
    call_command("prune_attempts", older_than=days, **options)


def ids() -> list[int]:
    """Return the ids of the attempts that are left."""
    return list(VerificationAttempt.objects.order_by("id").values_list("id", flat=True))


def prunings() -> list[ChangeEvent]:
    """Return the change events of prunings, the newest first."""
    return list(ChangeEvent.objects.filter(action=ChangeEvent.Action.PRUNED))
