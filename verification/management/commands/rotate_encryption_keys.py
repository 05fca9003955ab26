from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from tqdm import tqdm

from verification import change_log
from verification.change_log import Action
from verification.db.sessions import Session, is_pooled, other_sessions
from verification.fields import UndecryptableSecret
from verification.management.base import GatewayCommand, command_line_actor
from verification.models import Token, TotpDevice
from verification.times import format_datetime

#: Sessions that a message names.
MAX_SESSIONS = 5
ORDER = (
    "Put the new key in front of the old one (TOKEN_ENCRYPTION_KEYS=NEW,OLD), restart all "
    "processes, then run this command."
)


class Command(GatewayCommand):
    help = (
        "Encrypts every stored token, and the key of every authenticator, with the newest key of "
        f"TOKEN_ENCRYPTION_KEYS. {ORDER} Keep the old key for as long as you want to verify its "
        "seals. The command changes nothing while a process that is connected to the database "
        "lacks the newest key, because that process would refuse all callbacks. It recognizes "
        "processes by their PostgreSQL sessions. On SQLite, behind a connection pooler such as "
        "PgBouncer, and if no process is connected, it cannot tell, and needs --yes."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--yes",
            action="store_true",
            help="Encrypts without looking at other processes. Use it only after you have "
            "restarted all of them with both keys, or stopped them.",
        )

    def handle(self, *, yes: bool, **options: Any) -> None:
        if not yes:
            require_newest_key_everywhere()
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
                f"No key of TOKEN_ENCRYPTION_KEYS decrypts the tokens of {', '.join(lost)}: put "
                "the key that encrypted them back, or rotate them if it is lost. The other tokens "
                f"({len(tokens) - len(lost)}) are encrypted with the newest key."
            )
        if unreadable:
            raise CommandError(
                f"No key of TOKEN_ENCRYPTION_KEYS decrypts the authenticators of "
                f"{', '.join(unreadable)}: put the key that encrypted them back, or run reset_totp "
                "if it is lost."
            )
        self.stdout.write(
            f"{len(tokens)} tokens are encrypted with the newest key. No token and no "
            "authenticator needs an older key; keep those that sealed the log for as long as you "
            "want to verify their seals."
        )

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


def require_newest_key_everywhere() -> None:
    """Raise CommandError unless every other process of the gateway has the newest key."""
    sessions = other_sessions()
    lacking = [session for session in sessions if not session.has_newest_key]
    if lacking:
        raise CommandError(
            f"Nothing was changed: {len(lacking)} of {len(sessions)} database sessions of the "
            "gateway belong to processes that lack the newest key and could not read what this "
            f"command writes: {describe(lacking)}. {ORDER}"
        )
    if is_pooled():
        obstacle = "a connection pooler hides which processes use this database"
    elif not sessions:
        obstacle = "no other process of the gateway is connected to this database"
    else:
        return
    raise CommandError(
        f"Nothing was changed: {obstacle}, so this command cannot tell whether all of them have "
        f"the newest key. {ORDER} If you have restarted all processes, or none runs, add --yes."
    )


def describe(sessions: list[Session]) -> str:
    """Return PostgreSQL's process id of each session, and its host and start if they are known."""
    texts = []
    for session in sessions[:MAX_SESSIONS]:
        host = f" from {session.host}" if session.host else ""
        began = f" since {format_datetime(session.began_at)}" if session.began_at else ""
        texts.append(f"PostgreSQL process {session.pid}{host}{began}")
    if len(sessions) > MAX_SESSIONS:
        texts.append(f"and {len(sessions) - MAX_SESSIONS} more")
    return ", ".join(texts)
