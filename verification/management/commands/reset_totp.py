from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import CommandError
from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from verification import change_log
from verification.change_log import Action, command_line_actor
from verification.management.base import GatewayCommand
from verification.models import TotpDevice


class Command(GatewayCommand):
    help = gettext_lazy(
        "Removes a person's authenticator and recovery codes after they are lost. Ends the "
        "sessions that were opened with them. The next sign-in sets up a new authenticator. Verify "
        "the identity of the person who asks: until then, the password alone opens a session."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("user", help=_("The username of this person."))

    def handle(self, *, user: str, **options: Any) -> None:
        person = get_user_model().objects.filter(username=user).first()
        if person is None:
            raise CommandError(_('There is no user "{user}".').format(user=user))
        with transaction.atomic():
            deleted, _by_model = TotpDevice.objects.filter(user=person, confirmed=True).delete()
            if not deleted:
                sentence = _('"{user}" has not set up an authenticator; nothing was changed.')
                self.stdout.write(sentence.format(user=user))
                return
            change_log.record(Action.SECOND_FACTOR_RESET, command_line_actor(), user=user)
        sentence = _('Removed the authenticator of "{user}". The next sign-in sets up a new one.')
        self.stdout.write(sentence.format(user=user))
