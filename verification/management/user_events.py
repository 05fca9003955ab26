"""Records what Django's own commands do to users in the change log."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models.signals import post_save

from verification import change_log
from verification.change_log import Action, command_line_actor


@contextmanager
def recording_users() -> Iterator[None]:
    """Record each user that the block creates, or whose password it changes.

    The events follow the change at once. One transaction for both would last as long as the command
    waits for somebody to type.
    """

    def record(instance: Any, created: bool, **_: Any) -> None:
        actor, user = command_line_actor(), instance.get_username()
        if not created:
            change_log.record(Action.PASSWORD_CHANGED, actor, user=user)
            return
        change_log.record(Action.USER_CREATED, actor, user=user)
        if instance.is_superuser:
            change_log.record(Action.ROLE_GRANTED, actor, user=user, role="superuser")

    post_save.connect(record, sender=get_user_model(), weak=False)
    try:
        yield
    finally:
        post_save.disconnect(record, sender=get_user_model())
