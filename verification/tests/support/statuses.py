"""Read the status of an account as pages, commands, metrics and alerts do."""

from __future__ import annotations

from datetime import timedelta
from unittest import mock

from django.utils import timezone

from verification.accounts.status import AccountStatus, read_statuses
from verification.models import OfficialAccount


def status_of(account: OfficialAccount, *, in_hours: float = 0) -> AccountStatus:
    """Return what the list shows now, or `in_hours` from now."""
    account.refresh_from_db()
    then = timezone.now() + timedelta(hours=in_hours)
    with mock.patch("django.utils.timezone.now", return_value=then):
        return read_statuses([account])[account.pk]
