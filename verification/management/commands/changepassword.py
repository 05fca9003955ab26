from __future__ import annotations

from typing import Any

from django.contrib.auth.management.commands import changepassword

from verification.management.user_events import recording_users


class Command(changepassword.Command):
    """Changes a password as Django does, and records it in the change log."""

    def handle(self, *args: Any, **options: Any) -> Any:
        with recording_users():
            return super().handle(*args, **options)
