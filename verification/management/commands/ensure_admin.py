from __future__ import annotations

import os
from typing import Any

from django.contrib.auth import get_user_model
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management.base import CommandError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from verification.management.base import GatewayCommand, create_administrator


class Command(GatewayCommand):
    help = gettext_lazy(
        "Creates the first administrator from DJANGO_SUPERUSER_USERNAME, DJANGO_SUPERUSER_PASSWORD "
        "and DJANGO_SUPERUSER_EMAIL. Does nothing if that user exists, so that it can run at every "
        "deployment."
    )

    def handle(self, **options: Any) -> None:
        users = get_user_model()
        username = os.environ.get("DJANGO_SUPERUSER_USERNAME", "").strip()
        if not username:
            raise CommandError(_("{name} is not set.").format(name="DJANGO_SUPERUSER_USERNAME"))
        if users.objects.filter(username=username).exists():
            sentence = _('The user "{user}" already exists; nothing was changed.')
            self.stdout.write(sentence.format(user=username))
            return
        password = os.environ.get("DJANGO_SUPERUSER_PASSWORD", "")
        if not password.strip():
            raise CommandError(_("{name} is not set.").format(name="DJANGO_SUPERUSER_PASSWORD"))
        email = os.environ.get("DJANGO_SUPERUSER_EMAIL", "").strip()
        validate_user(users(username=username, email=email), password)
        create_administrator(username, email, password)
        self.stdout.write(_('Created the administrator "{user}".').format(user=username))


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
