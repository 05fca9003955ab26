from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from tqdm import tqdm

from verification import change_log
from verification.change_log import Action, command_line_actor
from verification.db.sessions import Session, is_pooled, other_sessions
from verification.fields import UndecryptableSecret
from verification.management.base import GatewayCommand, add_json_argument
from verification.models import Token, TotpDevice
from verification.times import format_datetime

#: Sessions that a message names.
MAX_SESSIONS = 5
ORDER = gettext_lazy(
    "Put the new key in front of the old one (TOKEN_ENCRYPTION_KEYS=NEW,OLD), restart all "
    "processes, then run this command."
)


class Command(GatewayCommand):
    help = format_lazy(
        gettext_lazy(
            "Encrypts every stored token, and the key of every authenticator, with the newest key "
            "of TOKEN_ENCRYPTION_KEYS. {order} Keep the old key for as long as you want to verify "
            "its seals. The command changes nothing while a process that is connected to the "
            "database lacks the newest key, because that process would refuse all callbacks. It "
            "recognizes processes by their PostgreSQL sessions. On SQLite, behind a connection "
            "pooler such as PgBouncer, and if no process is connected, it cannot tell, and needs "
            "--yes."
        ),
        order=ORDER,
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_json_argument(parser)
        parser.add_argument(
            "--yes",
            action="store_true",
            help=_(
                "Encrypts without looking at other processes. Use it only after you have restarted "
                "all of them with both keys, or stopped them."
            ),
        )

    def handle(self, *, yes: bool, **options: Any) -> None:
        if not yes:
            require_newest_key_everywhere()
        lost = []
        tokens = Token.objects.filter(secret__isnull=False).select_related("account").order_by("id")
        for token in tqdm(tokens, unit=" tokens", file=sys.stderr, disable=None):
            try:
                # Only if it is unchanged: a token that has been purged since must stay purged.
                unchanged = Token.objects.filter(pk=token.pk, secret=token.secret)
                unchanged.update(secret=token.secret.reencrypt())
            except UndecryptableSecret:
                lost.append(f"{token.account.slug} ({token.fingerprint})")
        unreadable = self.reencrypt_authenticators()
        change_log.record(Action.KEYS_ROTATED, command_line_actor())
        if options["json"]:
            self.print_json(
                tokens=len(tokens) - len(lost), lost_tokens=lost, lost_authenticators=unreadable
            )
        if lost:
            sentence = _(
                "No key of TOKEN_ENCRYPTION_KEYS decrypts the tokens of {lost}: put the key that "
                "encrypted them back, or rotate them if it is lost. The other tokens ({count}) are "
                "encrypted with the newest key."
            )
            count = len(tokens) - len(lost)
            raise CommandError(sentence.format(lost=", ".join(lost), count=count))
        if unreadable:
            sentence = _(
                "No key of TOKEN_ENCRYPTION_KEYS decrypts the authenticators of {users}: put the "
                "key that encrypted them back, or run reset_totp if it is lost."
            )
            raise CommandError(sentence.format(users=", ".join(unreadable)))
        sentence = ngettext(
            "{count} token is encrypted with the newest key. No token and no authenticator needs "
            "an older key; keep those that sealed the log for as long as you want to verify their "
            "seals.",
            "{count} tokens are encrypted with the newest key. No token and no authenticator needs "
            "an older key; keep those that sealed the log for as long as you want to verify their "
            "seals.",
            len(tokens),
        )
        if not options["json"]:
            self.stdout.write(sentence.format(count=len(tokens)))

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
        sentence = _(
            "Nothing was changed: {lacking} of {count} database sessions of the gateway belong to "
            "processes that lack the newest key and could not read what this command writes: "
            "{sessions}. {order}"
        )
        raise CommandError(
            sentence.format(
                lacking=len(lacking), count=len(sessions), sessions=describe(lacking), order=ORDER
            )
        )
    if is_pooled():
        obstacle = _("a connection pooler hides which processes use this database")
    elif not sessions:
        obstacle = _("no other process of the gateway can be seen in this database")
    else:
        return
    sentence = _(
        "Nothing was changed: {obstacle}, so this command cannot tell whether all of them have the "
        "newest key. {order} If you have restarted all processes, or stopped them, add --yes."
    )
    raise CommandError(sentence.format(obstacle=obstacle, order=ORDER))


def describe(sessions: list[Session]) -> str:
    """Return PostgreSQL's process id of each session, and its host and start if they are known."""
    texts = []
    for session in sessions[:MAX_SESSIONS]:
        began = format_datetime(session.began_at) if session.began_at else ""
        details = ", ".join(filter(None, [session.host, began]))
        text = _("PostgreSQL process {pid}").format(pid=session.pid)
        texts.append(f"{text} ({details})" if details else text)
    if len(sessions) > MAX_SESSIONS:
        texts.append(_("and {count} more").format(count=len(sessions) - MAX_SESSIONS))
    return ", ".join(texts)
