from __future__ import annotations

import os
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import CommandError

from verification.management.base import GatewayCommand, create_administrator


class Command(GatewayCommand):
    help = (
        "Creates the first administrator from DJANGO_SUPERUSER_USERNAME, DJANGO_SUPERUSER_PASSWORD "
        "and DJANGO_SUPERUSER_EMAIL. Does nothing if that user exists, so that it can run at every "
        "deployment."
    )

    def handle(self, **options: Any) -> None:
        users = get_user_model()
        username = os.environ.get("DJANGO_SUPERUSER_USERNAME", "").strip()
        if not username:
            raise CommandError("DJANGO_SUPERUSER_USERNAME is not set.")
        if users.objects.filter(username=username).exists():
            self.stdout.write(f'The user "{username}" already exists; nothing was changed.')
            return
        password = os.environ.get("DJANGO_SUPERUSER_PASSWORD", "")
        if not password.strip():
            raise CommandError("DJANGO_SUPERUSER_PASSWORD is not set.")
        email = os.environ.get("DJANGO_SUPERUSER_EMAIL", "").strip()
        validate_user(users(username=username, email=email), password)
        create_administrator(username, email, password)
        self.stdout.write(f'Created the administrator "{username}".')


def validate_user(user: User, password: str) -> None:
    """Raise ValidationError, with the names of the variables to correct."""
    errors = {}
    try:
        user.full_clean(exclude={"password"})
    except ValidationError as error:
        errors = error.message_dict
    try:
        validate_password(password, user)
    except ValidationError as error:
        errors["password"] = error.messages
    if errors:
        raise ValidationError(
            {f"DJANGO_SUPERUSER_{name.upper()}": texts for name, texts in errors.items()}
        )
