from __future__ import annotations

from typing import Any

from django.contrib.auth.management.commands import createsuperuser

from verification.management.user_events import recording_users


class Command(createsuperuser.Command):
    """Creates a superuser as Django does, and records it in the change log."""

    def handle(self, *args: Any, **options: Any) -> None:
        with recording_users():
            super().handle(*args, **options)
