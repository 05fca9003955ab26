"""Lists every condition. To add one, write a function, add it here, and write a test."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from django.db import ProgrammingError, transaction

from verification.alerts import (
    account_conditions,
    backend_conditions,
    clock_conditions,
    key_conditions,
    log_conditions,
)
from verification.alerts.finding import Finding
from verification.alerts.snapshot import Snapshot
from verification.models import OfficialAccount
from verification.models.alert import ABOUT_LOG

ACCOUNT_CONDITIONS: list[Callable[[Snapshot, OfficialAccount], Finding | None]] = [
    account_conditions.first_success,
    account_conditions.refused,
    account_conditions.often_refused,
    account_conditions.rotation_ends_unused,
    account_conditions.silent,
]
#: The conditions that end when an account is paused.
ENDED_BY_PAUSE = [condition.__name__ for condition in ACCOUNT_CONDITIONS[1:]]
#: They apply to paused accounts as well: what was stored before still waits.
BACKEND_CONDITIONS: list[Callable[[Snapshot, OfficialAccount], Finding | None]] = [
    backend_conditions.backend_fails,
    backend_conditions.replies_lost,
    backend_conditions.messages_wait,
    backend_conditions.messages_dead,
    backend_conditions.messages_expire,
    backend_conditions.messages_expire_soon,
    backend_conditions.spool_full,
]
LOG_CONDITIONS: list[Callable[[Snapshot], Finding | None]] = [
    log_conditions.chain_broken,
    log_conditions.seal_key_missing,
    log_conditions.head_went_back,
    log_conditions.schema_differs,
]
SERVER_CONDITIONS: list[Callable[[Snapshot], Finding | None]] = [
    key_conditions.key_missing,
    clock_conditions.clocks_differ,
]


def findings(snapshot: Snapshot) -> Iterator[Finding]:
    """Yield what every condition finds; for paused accounts, the end of their findings."""
    found = [condition(snapshot) for condition in LOG_CONDITIONS]
    try:
        with transaction.atomic():
            found += [condition(snapshot) for condition in SERVER_CONDITIONS]
            accounts = snapshot.accounts
    except ProgrammingError:
        if not snapshot.head.schema.lacks_migrations:  # They have yet to add columns of accounts.
            raise
        accounts = []
    for account in accounts:
        found += [condition(snapshot, account) for condition in BACKEND_CONDITIONS]
        if account.is_paused:
            for name in ENDED_BY_PAUSE:
                yield Finding(f"{name}:{account.pk}", snapshot.now, is_over=True)
        else:
            found += [condition(snapshot, account) for condition in ACCOUNT_CONDITIONS]
    yield from filter(None, found)


def is_about_log(key: str) -> bool:
    return key.partition(":")[0] in ABOUT_LOG
