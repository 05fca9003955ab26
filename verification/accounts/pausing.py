"""Pauses and resumes accounts. Each function writes a change event."""

from __future__ import annotations

from django.db import transaction
from django.utils import timezone

from verification import change_log
from verification.change_log import Action, Actor
from verification.models import OfficialAccount


def pause(account: OfficialAccount, actor: Actor) -> bool:
    """Refuse the account's callbacks from now on. Return False if it was paused already."""
    return _set_paused(account, actor, True, Action.ACCOUNT_PAUSED)


def resume(account: OfficialAccount, actor: Actor) -> bool:
    """Judge the account's callbacks again. Return False if it was not paused."""
    return _set_paused(account, actor, False, Action.ACCOUNT_RESUMED)


def _set_paused(account: OfficialAccount, actor: Actor, is_paused: bool, action: Action) -> bool:
    """Set `is_paused`, and record it unless the account was in that state already.

    Return whether it was changed.
    """
    changing = OfficialAccount.objects.filter(pk=account.pk, is_paused=not is_paused)
    with transaction.atomic():
        has_changed = bool(changing.update(is_paused=is_paused, updated_at=timezone.now()))
        if has_changed:
            change_log.record(action, actor, account)
    account.refresh_from_db(fields=["is_paused", "updated_at"])
    return has_changed
