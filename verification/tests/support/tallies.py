"""Make tallies, as if WeChat had called long ago."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from verification.models import OfficialAccount, Tally
from verification.protocol.enums import Kind, Outcome


def was_pushed_to(account: OfficialAccount, hours_ago: range) -> None:
    """Tally pushes that the account accepted in these hours before now."""
    now, kind, outcome = timezone.now(), Kind.MESSAGE_PUSH.value, Outcome.ACCEPTED.value
    times = [now - timedelta(hours=hours) for hours in hours_ago]
    Tally.objects.bulk_create(
        Tally(
            account=account,
            hour=time.replace(minute=0, second=0, microsecond=0),
            kind=kind,
            outcome=outcome,
            count=9,
            last_at=time,
        )
        for time in times
    )
