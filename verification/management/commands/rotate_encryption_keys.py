from __future__ import annotations

import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.db import transaction
from django.db.models import Model, QuerySet
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from tqdm import tqdm

from verification import change_log
from verification.change_log import Action, command_line_actor
from verification.db.sessions import Session, is_pooled, other_sessions
from verification.fields import UndecryptableSecret
from verification.management.base import GatewayCommand, add_json_argument
from verification.models import AESKey, Backend, OfficialAccount, Token, TotpDevice
from verification.models.rotating_secret import RotatingSecret
from verification.relay.key_rotation import reencrypt_deliveries
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
            "Encrypts every stored token, EncodingAESKey, webhook secret and message in the spool, "
            "and the key of every authenticator, with the newest key of TOKEN_ENCRYPTION_KEYS. "
            "{order} Keep the old key for as long as you want to verify its seals. The command "
            "changes nothing while a process that is connected to the database lacks the newest "
            "key, because that process would refuse all callbacks. It recognizes processes by "
            "their PostgreSQL sessions. On SQLite, behind a connection pooler such as "
            "PgBouncer, and if no process is connected, it cannot tell, and needs --yes."
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
        tokens, lost_of = reencrypt_accounts()
        lost_of["authenticators"] = reencrypt(TotpDevice.objects.all(), "seed")[1]
        lost_of["deliveries"] = reencrypt_deliveries()
        if options["json"]:
            lists = {f"lost_{name}": names for name, names in lost_of.items()}
            self.print_json(tokens=tokens, **lists)
        for name, names in lost_of.items():
            if names:
                raise CommandError(
                    LOST[name].format(lost=", ".join(dict.fromkeys(names)), count=tokens)
                )
        sentence = ngettext(
            "{count} token is encrypted with the newest key. No secret that is stored needs an "
            "older key; keep those that sealed the log for as long as you want to verify their "
            "seals.",
            "{count} tokens are encrypted with the newest key. No secret that is stored needs an "
            "older key; keep those that sealed the log for as long as you want to verify their "
            "seals.",
            tokens,
        )
        if not options["json"]:
            self.stdout.write(sentence.format(count=tokens))


#: What to do about each kind of secret that no key decrypts.
LOST: dict[str, Any] = {
    "tokens": gettext_lazy(
        "No key of TOKEN_ENCRYPTION_KEYS decrypts the tokens of {lost}: put the key that encrypted "
        "them back, or rotate them if it is lost. The other tokens ({count}) are encrypted with "
        "the newest key."
    ),
    "aes_keys": gettext_lazy(
        "No key of TOKEN_ENCRYPTION_KEYS decrypts the EncodingAESKeys of {lost}: put the key that "
        "encrypted them back, or enter them again with set_aes_key if it is lost."
    ),
    "webhook_secrets": gettext_lazy(
        "No key of TOKEN_ENCRYPTION_KEYS decrypts the webhook secrets of {lost}: put the key that "
        "encrypted them back, or rotate them on the accounts' pages if it is lost."
    ),
    "authenticators": gettext_lazy(
        "No key of TOKEN_ENCRYPTION_KEYS decrypts the authenticators of {lost}: put the key that "
        "encrypted them back, or run reset_totp if it is lost."
    ),
    "deliveries": gettext_lazy(
        "No key of TOKEN_ENCRYPTION_KEYS decrypts messages in the spool of {lost}: put the key "
        "that encrypted them back, or discard the messages if it is lost."
    ),
}


#: The columns of accounts to encrypt, with the kind of secret in LOST.
COLUMNS: tuple[tuple[str, type[Model], str], ...] = (
    ("tokens", Token, "secret"),
    ("aes_keys", AESKey, "secret"),
    ("webhook_secrets", Backend, "secret"),
    ("webhook_secrets", Backend, "previous_secret"),
)
#: Accounts per transaction, for which other changes of accounts wait.
BATCH = 50


def reencrypt_accounts() -> tuple[int, dict[str, list[str]]]:
    """Encrypt the secrets of all accounts with the newest key, and record them.

    Return the number of tokens, and the names of lost secrets by their kind.
    """
    tokens, lost_of = 0, {kind: list[str]() for kind, _model, _column in COLUMNS}
    pks = list(OfficialAccount.objects.order_by("pk").values_list("pk", flat=True))
    with tqdm(total=len(pks), unit=" accounts", file=sys.stderr, disable=None) as bar:
        # Without accounts, one empty batch records the rotation.
        for start in range(0, max(len(pks), 1), BATCH):
            batch = pks[start : start + BATCH]
            with transaction.atomic():
                for kind, model, column in COLUMNS:
                    rows = model._default_manager.filter(account__in=batch)
                    count, lost = reencrypt(rows, column)
                    tokens += count if kind == "tokens" else 0
                    lost_of[kind] += lost
                actor = command_line_actor()
                change_log.record(Action.KEYS_ROTATED, actor, changed_accounts=batch)
            bar.update(len(batch))
    return tokens, lost_of


def reencrypt(rows: QuerySet[Any], column: str) -> tuple[int, list[str]]:
    """Encrypt a column of these rows with the newest key.

    Return the number of its secrets, and the names of lost ones.
    """
    rows = rows.filter(**{f"{column}__isnull": False}).order_by("pk")
    lost = []
    for row in rows:
        secret = getattr(row, column)
        try:
            # Only if it is unchanged: a token that has been purged since must stay purged.
            unchanged = rows.model._default_manager.filter(pk=row.pk, **{column: secret})
            unchanged.update(**{column: secret.reencrypt()})
        except UndecryptableSecret:
            lost.append(name_owner(row))
    return len(rows) - len(lost), lost


def name_owner(row: Any) -> str:
    """Return whose secret it is, and which one if there may be several."""
    if isinstance(row, TotpDevice):
        return str(row.user.get_username())
    slug = row.account.slug
    return f"{slug} ({row.fingerprint})" if isinstance(row, RotatingSecret) else slug


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
