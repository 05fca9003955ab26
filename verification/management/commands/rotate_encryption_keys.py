from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import CommandError
from tqdm import tqdm

from verification import change_log
from verification.change_log import Action
from verification.fields import UndecryptableSecret
from verification.management.base import GatewayCommand, command_line_actor
from verification.models import Token, TotpDevice


class Command(GatewayCommand):
    help = (
        "Encrypts every stored token, and the key of every authenticator, with the newest key of "
        "TOKEN_ENCRYPTION_KEYS. Put the new key in front of the old one, restart all processes, "
        "then run this command. Keep the old key for as long as you want to verify its seals."
    )

    def handle(self, **options: Any) -> None:
        lost = []
        tokens = Token.objects.filter(secret__isnull=False).order_by("id")
        for token in tqdm(tokens, unit=" tokens", file=sys.stderr, disable=None):
            try:
                # Only if it is unchanged: a token that has been purged since must stay purged.
                unchanged = Token.objects.filter(pk=token.pk, secret=token.secret)
                unchanged.update(secret=token.secret.reencrypt())
            except UndecryptableSecret:
                lost.append(f"{token.account.slug} ({token.fingerprint})")
        unreadable = self.reencrypt_authenticators()
        change_log.record(Action.KEYS_ROTATED, command_line_actor())
        if lost:
            raise CommandError(
                f"No key of TOKEN_ENCRYPTION_KEYS decrypts the tokens of {', '.join(lost)}: "
                "rotate them, or put the lost key back."
            )
        if unreadable:
            raise CommandError(
                f"No key of TOKEN_ENCRYPTION_KEYS decrypts the authenticators of "
                f"{', '.join(unreadable)}: run reset_totp, or put the lost key back."
            )
        self.stdout.write(f"{len(tokens)} tokens are encrypted with the newest key.")

    def reencrypt_authenticators(self) -> list[str]:
        """Encrypt every authenticator; return the names of users whose authenticator is lost."""
        unreadable = []
        for device in TotpDevice.objects.select_related("user").order_by("id"):
            try:
                unchanged = TotpDevice.objects.filter(pk=device.pk, seed=device.seed)
                unchanged.update(seed=device.seed.reencrypt())
            except UndecryptableSecret:
                unreadable.append(device.user.get_username())
        return unreadable
