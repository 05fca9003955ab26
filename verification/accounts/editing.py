"""Saves what people change of an account's settings, with a change event."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import transaction

from verification import change_log
from verification.change_log import Action, Actor
from verification.models import OfficialAccount


def save_changes(account: OfficialAccount, fields: Iterable[str], actor: Actor) -> list[str]:
    """Save these fields of the account, and record the old and the new value of each change.

    Return the names of the fields that have changed. Validate the account before.
    """
    with transaction.atomic():
        # From the database: what a form or a command has read may be old.
        saved = OfficialAccount.objects.filter(pk=account.pk).values("id", *fields).first() or {}
        values = {name: (old, getattr(account, name)) for name, old in saved.items()}
        changes = {name: [old, new] for name, (old, new) in values.items() if old != new}
        if changes:
            # Only these: somebody may have paused the account meanwhile.
            account.save(update_fields=[*changes, "updated_at"])
            if {"app_id", "suite_id"} & changes.keys():
                # What a key did not decrypt may have been for the id that it has now.
                account.aes_keys.filter(first_used_at=None).update(failed_at=None)
            change_log.record(Action.ACCOUNT_CHANGED, actor, account, changes=changes)
    return list(changes)
