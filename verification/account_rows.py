"""Describes accounts with their tokens, keys and backend by digests, for the change log to keep.

A change event holds the rows of the accounts that it changed, as they were after the change. So a
row that somebody changed in the database itself differs from the last event that describes it.
What ordinary traffic updates is left out: first uses, and the circuit of a backend.
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


class Part(StrEnum):
    """The parts of an account that change by themselves. Their names are in the change log."""

    SETTINGS = "settings"
    TOKENS = "tokens"
    AES_KEYS = "aes_keys"
    BACKEND = "backend"


#: The rows of a part: what is described, and its digest or, for the end of a secret, its time.
Rows = dict[str, str]
#: The parts of each account by its id; None for an account that does not exist.
AccountRows = dict[str, dict[str, Rows] | None]

#: The columns of a row with a digest each. A column of a later release is compared as soon as an
#: event has recorded it.
COLUMNS: dict[Part, tuple[type[models.Model], tuple[str, ...]]] = {
    Part.SETTINGS: (
        OfficialAccount,
        (
            *("name", "slug", "app_id", "original_id", "is_paused", "answers_at_root", "notes"),
            *("created_at", "updated_at"),
        ),
    ),
    Part.BACKEND: (
        Backend,
        (
            *("url", "on_failure", "retention_days", "secret", "previous_secret"),
            *("previous_secret_ends_at", "created_at"),
        ),
    ),
}
SECRETS: dict[Part, type[Token | AESKey]] = {Part.TOKENS: Token, Part.AES_KEYS: AESKey}
#: The columns that one digest covers. It cannot get another column, or no recorded digest matches.
SECRET_COLUMNS = (
    "account_id",
    "secret",
    "fingerprint",
    "created_at",
    "created_by",
    "superseded_at",
)
#: Follows the id of a secret in the name of its end, which traffic may set once.
END = " end"


def read_account_rows(account_ids: Iterable[int] | None, parts: Iterable[Part]) -> AccountRows:
    """Return these parts of these accounts, or of all accounts, as the database has them now."""
    parts = tuple(parts)
    accounts = _of(OfficialAccount.objects.order_by("pk"), "pk", account_ids)
    rows: AccountRows = {str(pk): None for pk in account_ids or ()}
    rows |= {
        str(pk): {part.value: {} for part in parts} for pk in accounts.values_list("pk", flat=True)
    }
    for part in parts:
        for account_id, name, text in _describe(part, account_ids):
            account = rows.get(str(account_id))
            if account is not None:
                account[part.value][name] = text
    return rows


def are_account_rows(rows: Any) -> bool:
    """Return whether an event holds what read_account_rows() returns, or nothing.

    The MAC of an event whose key is not known any more does not show it.
    """
    return rows is None or all(
        _is_number(account_id) and (parts is None or _are_parts(parts))
        for account_id, parts in rows.items()
    )


def _are_parts(parts: Any) -> bool:
    return isinstance(parts, dict) and all(
        isinstance(rows, dict)
        and all(isinstance(text, str) for text in rows.values())
        and (part not in SECRETS or all(_is_number(name.removesuffix(END)) for name in rows))
        for part, rows in parts.items()
    )


def _is_number(text: str) -> bool:
    return re.fullmatch("[0-9]{1,19}", text) is not None


def _of(
    rows: models.QuerySet[Any], column: str, account_ids: Iterable[int] | None
) -> models.QuerySet[Any]:
    return rows if account_ids is None else rows.filter(**{f"{column}__in": list(account_ids)})


def _describe(part: Part, account_ids: Iterable[int] | None) -> Iterator[tuple[int, str, str]]:
    """Yield the account's id, the name of what is described, and its text."""
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
