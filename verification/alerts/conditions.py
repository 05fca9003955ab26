"""Every condition that is worth telling. To add one: a function, a line here, a test."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from verification.alerts import account_conditions, log_conditions
from verification.alerts.finding import Finding
from verification.alerts.snapshot import Snapshot
from verification.models import OfficialAccount

OF_ACCOUNTS: list[Callable[[Snapshot, OfficialAccount], Finding | None]] = [
    account_conditions.first_success,
    account_conditions.refused,
    account_conditions.often_refused,
    account_conditions.rotation_ends_unused,
    account_conditions.silent,
]
#: What a pause ends.
TROUBLES = [condition.__name__ for condition in OF_ACCOUNTS[1:]]
OF_THE_LOG: list[Callable[[Snapshot], Finding | None]] = [
    log_conditions.chain_broken,
    log_conditions.cut_off,
    log_conditions.not_append_only,
]


def findings(snapshot: Snapshot) -> Iterator[Finding]:
    found = [condition(snapshot) for condition in OF_THE_LOG]
    for account in snapshot.accounts:
        if account.is_paused:
            yield from _ends_of(snapshot, account)
        else:
            found += [condition(snapshot, account) for condition in OF_ACCOUNTS]
    yield from filter(None, found)


def _ends_of(snapshot: Snapshot, account: OfficialAccount) -> Iterator[Finding]:
    for name in TROUBLES:
        yield Finding(f"{name}:{account.pk}", snapshot.now, is_over=True)


def is_of_the_log(key: str) -> bool:
    return key.partition(":")[0] in {condition.__name__ for condition in OF_THE_LOG}
