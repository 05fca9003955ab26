"""Computes digests of accounts with their tokens, keys and backends, for the change log to keep.

A change event holds the digests of what it changed, as it was after the change. So a row that
somebody changed in the database itself differs from the last event that has its digest. What
ordinary traffic updates is left out: first uses, and the circuit of a backend.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from django.db import models

from verification.fields import Secret
from verification.models import AESKey, Backend, OfficialAccount, Token


class AccountPart(StrEnum):
    """The parts of an account that events describe separately. The change log has their names."""

    SETTINGS = "settings"
    TOKENS = "tokens"
    AES_KEYS = "aes_keys"
    BACKEND = "backend"


#: The digests of a part by the name of what they cover. The end of a secret is not digested: it is
#: there as a time.
Digests = dict[str, str]
#: The parts of each account by its id; None for an account that does not exist.
AccountDigests = dict[str, dict[str, Digests] | None]

#: The columns that have a digest each. A column of a later release is compared as soon as an
#: event has recorded it.
COLUMNS: dict[AccountPart, tuple[type[models.Model], tuple[str, ...]]] = {
    AccountPart.SETTINGS: (
        OfficialAccount,
        (
            *("name", "slug", "app_id", "original_id", "is_paused", "answers_at_root", "notes"),
            *("created_at", "updated_at", "platform", "suite_id"),
        ),
    ),
    AccountPart.BACKEND: (
        Backend,
        (
            *("url", "on_failure", "retention_days", "secret", "previous_secret"),
            *("previous_secret_ends_at", "created_at", "forwards_decrypted"),
        ),
    ),
}
SECRETS: dict[AccountPart, type[Token | AESKey]] = {
    AccountPart.TOKENS: Token,
    AccountPart.AES_KEYS: AESKey,
}
#: The columns that one digest covers. With another column, no recorded digest would match.
SECRET_COLUMNS = (
    "account_id",
    "secret",
    "fingerprint",
    "created_at",
    "created_by",
    "superseded_at",
)
#: Follows the id of a secret in the name of its end. Traffic may set the end once.
END = " end"


def read_account_digests(
    account_ids: Iterable[int] | None, parts: Iterable[AccountPart]
) -> AccountDigests:
    """Return these parts of these accounts, or of all accounts, as the database has them now."""
    parts = tuple(parts)
    accounts = _of(OfficialAccount.objects.order_by("pk"), "pk", account_ids)
    digests: AccountDigests = {str(pk): None for pk in account_ids or ()}
    digests |= {
        str(pk): {part.value: {} for part in parts} for pk in accounts.values_list("pk", flat=True)
    }
    for part in parts:
        for account_id, name, digest in _describe(part, account_ids):
            account = digests.get(str(account_id))
            if account is not None:
                # A table that lost its primary key may hold a row twice. Neither counts then.
                twice = f"{account[part][name]} {digest}" if name in account[part] else digest
                account[part.value][name] = twice
    return digests


def are_account_digests(accounts: Any) -> bool:
    """Return whether an event holds what read_account_digests() returns, or nothing.

    The MAC shows nothing of this if the key of the event is no longer known.
    """
    return accounts is None or all(
        _is_number(account_id) and (parts is None or _are_parts(parts))
        for account_id, parts in accounts.items()
    )


def _are_parts(parts: Any) -> bool:
    return isinstance(parts, dict) and all(
        isinstance(digests, dict)
        and all(isinstance(digest, str) for digest in digests.values())
        and (part not in SECRETS or all(_is_number(name.removesuffix(END)) for name in digests))
        for part, digests in parts.items()
    )


def _is_number(text: str) -> bool:
    return re.fullmatch("[0-9]{1,19}", text) is not None


def _of(
    rows: models.QuerySet[Any], column: str, account_ids: Iterable[int] | None
) -> models.QuerySet[Any]:
    return rows if account_ids is None else rows.filter(**{f"{column}__in": list(account_ids)})


def _describe(
    part: AccountPart, account_ids: Iterable[int] | None
) -> Iterator[tuple[int, str, str]]:
    """Yield the account's id, the name of what is described, and its digest."""
    if part in SECRETS:
        yield from _describe_secrets(SECRETS[part], account_ids)
        return
    model, columns = COLUMNS[part]
    rows = _of(model._default_manager.order_by("pk"), "pk", account_ids)
    for account_id, *values in rows.values_list("pk", *columns):
        for name, value in zip(columns, values, strict=True):
            yield account_id, name, _digest(value)


def _describe_secrets(
    model: type[Token | AESKey], account_ids: Iterable[int] | None
) -> Iterator[tuple[int, str, str]]:
    rows = _of(model._default_manager.order_by("pk"), "account", account_ids)
    for pk, end, *values in rows.values_list("pk", "expires_at", *SECRET_COLUMNS):
        yield values[0], f"{pk}", _digest(*values)
        yield values[0], f"{pk}{END}", format_end(end)


def format_end(end: datetime | None) -> str:
    return end.astimezone(UTC).isoformat() if end else ""


def _digest(*values: Any) -> str:
    """Return 128 bits of the SHA-256 of these values; of a secret, of what is stored encrypted."""
    text = json.dumps(values, default=_encode)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _encode(value: Any) -> str:
    if isinstance(value, Secret):
        return value.ciphertext
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    raise TypeError(f"{type(value).__name__} cannot be described.")
