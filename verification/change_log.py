"""The change log: what people did to accounts, tokens, users and the log itself.

record() is the only way to write a change event. An event holds facts as data; the wording, in the
language of the page, is in verification/admin/audit_log/change_details.py.

Events form a chain, as the seals of attempts do: each has a MAC over its columns, one of which is
the digest of the event before it.
"""

from __future__ import annotations

import getpass
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

from django.conf import settings
from django.db import OperationalError, connection, transaction
from django.http import HttpRequest
from django.utils.translation import gettext_lazy

from verification.account_digests import AccountDigests, AccountPart, read_account_digests
from verification.keys import compute_mac, seal_keys
from verification.models import ChangeEvent, OfficialAccount
from verification.models.chain import GENESIS
from verification.models.change_event import MAX_ACTOR_LENGTH, FactsEncoder
from verification.models.rotating_secret import RotatingSecret
from verification.protocol.client_ip import parse_client_ip

Action = ChangeEvent.Action

#: The parts of an account that an action changes. Its event has their digests. An action that
#: changes nothing, such as a reveal, records none, so that earlier alterations still show.
CHANGED_PARTS: dict[Action, tuple[AccountPart, ...]] = {
    **dict.fromkeys(
        [
            *(Action.ACCOUNT_CREATED, Action.ACCOUNT_CHANGED),
            *(Action.ACCOUNT_PAUSED, Action.ACCOUNT_RESUMED),
        ],
        (AccountPart.SETTINGS,),
    ),
    **dict.fromkeys(
        [
            *(Action.TOKEN_CREATED, Action.TOKEN_ROTATED),
            *(Action.TOKEN_KEPT, Action.TOKEN_RETIRED),
        ],
        (AccountPart.TOKENS,),
    ),
    **dict.fromkeys(
        [
            *(Action.AES_KEY_CREATED, Action.AES_KEY_ROTATED),
            *(Action.AES_KEY_KEPT, Action.AES_KEY_RETIRED),
        ],
        (AccountPart.AES_KEYS,),
    ),
    **dict.fromkeys(
        [
            *(Action.BACKEND_SET, Action.BACKEND_CHANGED),
            *(Action.BACKEND_REMOVED, Action.WEBHOOK_SECRET_ROTATED),
        ],
        (AccountPart.BACKEND,),
    ),
    **dict.fromkeys([Action.ACCOUNT_DELETED, Action.ACCOUNTS_RECORDED], tuple(AccountPart)),
    Action.KEYS_ROTATED: (AccountPart.TOKENS, AccountPart.AES_KEYS, AccountPart.BACKEND),
}


class Actor(NamedTuple):
    """Holds who did something, and the IP address; a command has no address."""

    name: str
    client_ip: str | None = None


def record(
    action: Action,
    actor: Actor,
    account: OfficialAccount | None = None,
    *,
    secret: RotatingSecret | None = None,
    changed_accounts: Iterable[int] = (),
    **facts: Any,
) -> ChangeEvent:
    """Write one change event, and return it.

    Call it after the change, in the same transaction: the event describes the accounts as they are
    then. `changed_accounts` are the ids of accounts in addition to `account`. `facts` are JSON
    values, never a secret. The old and the new value of each changed field go into `changes`, as
    {"name": ["Brand A", "Brand C"]}. Of the secret, only the fingerprint is kept.
    """
    changed = [*([account.pk] if account else []), *changed_accounts]
    event = ChangeEvent(
        action=action.value,
        actor=actor.name[:MAX_ACTOR_LENGTH],
        client_ip=actor.client_ip,
        account=account,
        token_fingerprint=secret.fingerprint if secret else "",
        facts=json.loads(json.dumps(facts, cls=FactsEncoder)),  # as the database returns them
    )
    with transaction.atomic():
        event.previous = _lock_end_of_chain()
        event.pk = _next_id()
        # Only now: a transaction that recorded a change of the same account has ended.
        event.account_digests = _digests_after(action, changed)
        event.key_id, key = next(iter(seal_keys().items()))
        event.mac = compute_mac(key, MAC_PREFIX + digest_of(event))
        event.save(force_insert=True)
    return event


def _digests_after(action: Action, changed: Sequence[int]) -> AccountDigests | None:
    parts = CHANGED_PARTS.get(action)
    return read_account_digests(changed, parts) if parts and changed else None


def actor_of(request: HttpRequest) -> Actor:
    """Return who is signed in, and from which address."""
    return Actor(request.user.get_username(), client_ip(request))


def command_line_actor() -> Actor:
    """Return the operating system user who runs this command, for the change log."""
    try:
        return Actor(f"command line ({getpass.getuser()})")
    except (KeyError, OSError):  # a dyno's user has no name
        return Actor("command line")


def client_ip(request: HttpRequest | None) -> str | None:
    """Return the address that a request came from; None without a request."""
    if request is None:
        return None
    return parse_client_ip(
        request.META.get("REMOTE_ADDR", ""),
        request.META.get("HTTP_X_FORWARDED_FOR", ""),
        settings.TRUSTED_PROXY_COUNT,
    )


# --- The chain

#: The columns that the digest of an event covers: all but the MAC.
DIGEST_COLUMNS = (
    *("id", "recorded_at", "actor", "action", "account_id", "token_fingerprint", "detail"),
    *("client_ip", "facts", "account_digests", "key_id", "previous"),
)
#: No MAC of a seal or checkpoint is made over a text that begins so.
MAC_PREFIX = b"change event 1\t"
#: The key of the advisory lock that orders events. No other lock of the gateway has this number.
LOCK = 0x6368616E6765
LOCK_END = "SELECT current_setting('transaction_isolation'), pg_advisory_xact_lock(%s)"
#: Sessions set their isolation, but a pooler that shares connections may lose that.
WRONG_ISOLATION = gettext_lazy(
    "a transaction is “{isolation}”, so it would not see the last change event: run ALTER DATABASE "
    "… SET default_transaction_isolation = 'read committed', and restart the pooler"
)


def digest_of(event: ChangeEvent) -> bytes:
    return compute_digest([getattr(event, name) for name in DIGEST_COLUMNS])


def compute_digest(values: Sequence[Any]) -> bytes:
    """Return the SHA-256 of an event's DIGEST_COLUMNS."""
    # An altered row may hold half a character or be nested too deeply, and must still be readable.
    try:
        text = _encoder.encode(values)
    except RecursionError:
        text = "too deep"
    return hashlib.sha256(text.encode(errors="surrogatepass")).digest()


def _encode(value: Any) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    if isinstance(value, bytes | memoryview):
        return bytes(value).hex()
    raise TypeError(f"{type(value).__name__} is not JSON serializable")


_encoder = json.JSONEncoder(
    ensure_ascii=False, sort_keys=True, separators=(",", ":"), default=_encode
)


def has_our_mac(
    key_id: str, mac: bytes | memoryview | None, digest: bytes, keys: Mapping[str, bytes]
) -> bool:
    """Return whether one of our keys made this MAC over the digest."""
    key = keys.get(key_id)
    if key is None or mac is None:
        return False
    return compute_mac(key, MAC_PREFIX + digest) == bytes(mac)


def is_genuine(event: ChangeEvent) -> bool:
    """Return whether this server recorded the event as it is, with a key that is still known."""
    return has_our_mac(event.key_id, event.mac, digest_of(event), seal_keys())


def without_proof(digest: bytes) -> bytes:
    """Return the link to an event whose MAC the writer of the next event cannot check.

    Otherwise, the next event would vouch for an event that somebody put at the end of the log.
    """
    return hashlib.sha256(b"without proof\t" + digest).digest()


def add_unsigned(history: bytes, digest: bytes) -> bytes:
    """Add an event of a release that signed none to the digest that the first signed one holds."""
    return hashlib.sha256(history + digest).digest()


def _lock_end_of_chain() -> bytes:
    """Wait for other events until the end of the transaction, and return the link to the last one.

    SQLite needs no lock, because it has one writer at a time. Raises DatabaseError in a transaction
    that does not see what others have committed since it began: its event would fork the chain.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(LOCK_END, [LOCK])
            isolation: str = cursor.fetchone()[0]
        if isolation != "read committed":
            raise OperationalError(WRONG_ISOLATION.format(isolation=isolation))
    last = ChangeEvent.objects.exclude(mac=None).order_by("-id").first()
    if last is None:
        return _digest_of_history()
    return digest_of(last) if is_genuine(last) else without_proof(digest_of(last))


def _digest_of_history() -> bytes:
    """Return the digest of all events, none of which is signed.

    The release before may still be running, so its events wait until this transaction has ended.
    """
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(f"LOCK TABLE {ChangeEvent._meta.db_table} IN SHARE MODE")
    history = GENESIS
    for values in ChangeEvent.objects.order_by("id").values_list(*DIGEST_COLUMNS).iterator():
        history = add_unsigned(history, compute_digest(values))
    return history


def _next_id() -> int:
    """Return the id of the next event. The MAC covers it, so it is needed before the row exists.

    Events are read in the order of their ids. A sequence may give a lower one than before: each
    session keeps some if it has a CACHE, and a restored table may not have its sequence's value.
    """
    table = ChangeEvent._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT COALESCE(max(id), 0) + 1 FROM {table}")
        following: int = cursor.fetchone()[0]
        if connection.vendor != "postgresql":
            return following
        cursor.execute("SELECT nextval(pg_get_serial_sequence(%s, 'id'))", [table])
        number: int = cursor.fetchone()[0]
        if number < following:
            number = following
            cursor.execute("SELECT setval(pg_get_serial_sequence(%s, 'id'), %s)", [table, number])
    return number
