"""Finds calls that went astray: to a wrong address, or without their query string.

It also finds the account that each was probably meant for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from difflib import get_close_matches
from typing import Any

from django.db.models import QuerySet

from verification.attempts.index import ALL_IDS, NONE, AttemptIndex
from verification.diagnosis import Explanation, StoredData, explain
from verification.diagnosis.evidence import Evidence
from verification.models import OfficialAccount, VerificationAttempt
from verification.models.noise import LOST_QUERY, LOST_QUERY_COLUMNS
from verification.protocol.enums import Kind, Reason

#: Older calls are history.
STRAY_LIFETIME = timedelta(hours=24)
#: The number of calls read per kind and reason, however many there were.
MAX_STRAYS = 100
KINDS = [Kind.URL_VERIFICATION, Kind.MESSAGE_PUSH]
REASONS = [Reason.UNKNOWN_ACCOUNT, Reason.SIGNATURE_MISMATCH]
#: The reasons for which another account refuses a call with this account's token.
REASONS_ELSEWHERE = [
    Reason.SIGNATURE_MISMATCH,
    Reason.MISSING_PARAMETER,
    Reason.NO_TOKEN,
    Reason.PAUSED_ACCOUNT,
    Reason.UNDECRYPTABLE_TOKEN,
]
#: The newest calls of each account, kind and reason that are looked at.
MAX_PER_KEY = 5
#: The newest calls without a signature that are looked at, of each account and kind. Most of them
#: may be those of bots.
MAX_UNSIGNED = 20
#: How much an address must resemble the slug of an account to be meant for it, from 0 to 1.
MIN_RESEMBLANCE = 0.6


@dataclass(frozen=True)
class Stray:
    """A call to an address of no account, or of another one, or without a query string."""

    attempt: VerificationAttempt
    explanation: Explanation
    #: It was signed with a token of the account. Otherwise only the address resembles its own.
    is_certain: bool
    #: How many lost their query string since the last accepted call, among those that were read.
    count: int = 1

    @property
    def is_lost_query(self) -> bool:
        """Return whether the address was right, but the query string did not arrive."""
        return is_lost_query(self.attempt)


def read_strays(
    last_accepted: Mapping[int, datetime | None], stored: StoredData, now: datetime
) -> dict[int, Stray]:
    """Return the newest stray call of each account after its last accepted one.

    A call that only resembles an account's address counts for accounts that were never called:
    strangers try addresses as well, and an account that works misses nothing.
    """
    never_called = {pk for pk, accepted in last_accepted.items() if accepted is None}
    strays: dict[int, Stray] = {}
    for attempt in _calls_without_account(now):
        account = signer = _signer_of(attempt, stored)
        if account is None:
            account = _nearest_account(attempt, stored, never_called)
        if account is None or account.pk not in last_accepted or account.pk in strays:
            continue
        accepted = last_accepted[account.pk]
        if accepted is None or accepted < attempt.recorded_at:
            explanation = explain(attempt, stored)
            strays[account.pk] = Stray(attempt, explanation, is_certain=signer is not None)
    return strays


def read_lost_queries(
    last_accepted: Mapping[int, datetime | None], stored: StoredData, now: datetime
) -> dict[int, Stray]:
    """Return the newest call of each account that lost its query string, with their number.

    Only those after the account's last accepted call count.
    """
    newest: dict[int, int] = {}
    counts: Counter[int] = Counter()
    for pk, account_id, recorded_at in _lost_queries(last_accepted, now):
        accepted = last_accepted[account_id]
        if accepted is None or accepted < recorded_at:
            newest.setdefault(account_id, pk)
            # A shared row counts once: its requests may have other user agents.
            counts[account_id] += 1
    strays = {}
    for attempt in VerificationAttempt.objects.filter(pk__in=newest.values()):
        account = stored.accounts_by_id[attempt.account_id or 0]
        attempt.account = account
        explanation, count = explain(attempt, stored), counts[account.pk]
        strays[account.pk] = Stray(attempt, explanation, is_certain=False, count=count)
    return strays


def is_lost_query(attempt: VerificationAttempt) -> bool:
    """Return whether something on the way may have removed the query string of WeChat's call."""
    return all(getattr(attempt, name) == value for name, value in LOST_QUERY_COLUMNS.items())


def _lost_queries(account_ids: Iterable[int], now: datetime) -> Iterable[tuple[Any, ...]]:
    """Return id, account and time of the last day's lost queries, newest first.

    Only these columns are read: a proxy may lose the queries of all accounts at once.
    """
    index = AttemptIndex([*account_ids], KINDS, [Reason.MISSING_PARAMETER], is_noise=True)
    attempts = VerificationAttempt.objects.filter(
        LOST_QUERY, pk__in=index.newest(MAX_UNSIGNED), recorded_at__gt=now - STRAY_LIFETIME
    )
    return attempts.order_by("-id").values_list("id", "account_id", "recorded_at")


def _calls_without_account(now: datetime) -> QuerySet[VerificationAttempt]:
    ids = AttemptIndex([NONE], KINDS, REASONS).newest(MAX_STRAYS)
    since = now - STRAY_LIFETIME
    return VerificationAttempt.objects.filter(pk__in=ids, recorded_at__gt=since).order_by("-id")


def _signer_of(attempt: VerificationAttempt, stored: StoredData) -> OfficialAccount | None:
    """Return the account whose token signed the call, if it is valid now."""
    signers = Evidence(attempt, stored).live_signers()
    return signers[0].account if signers else None


def _nearest_account(
    attempt: VerificationAttempt, stored: StoredData, wanted: Collection[int]
) -> OfficialAccount | None:
    """Return the account whose slug the address resembles most, if it is a wanted one."""
    slug = attempt.meant_slug.lower()
    candidates = [other for other, account in stored.accounts.items() if account.pk in wanted]
    if not slug or not get_close_matches(slug, candidates, n=1, cutoff=MIN_RESEMBLANCE):
        return None
    nearest = stored.accounts[get_close_matches(slug, stored.accounts, n=1, cutoff=0)[0]]
    return nearest if nearest.pk in wanted else None


def read_recent_strays(account: OfficialAccount, now: datetime) -> list[Stray]:
    """Return the stray calls that were probably meant for this account, newest first.

    They stay in the list after an accepted call, and an address that only resembles the account's
    own is enough.
    """
    stored, strays = StoredData(), []
    for attempt in _calls_without_account(now):
        signer = _signer_of(attempt, stored)
        if (signer or _nearest_account(attempt, stored, {account.pk})) == account:
            strays.append(Stray(attempt, explain(attempt, stored), is_certain=signer is not None))
    return strays


def read_calls_elsewhere(account: OfficialAccount, since: int) -> list[Stray]:
    """Return the refused calls to other accounts with the token of this one, newest first.

    `since` is the id of an attempt. A few of the newest calls of each account are compared, and
    MAX_STRAYS at most.
    """
    stored = StoredData()
    others = [pk for pk in stored.accounts_by_id if pk != account.pk]
    ids = AttemptIndex(others, KINDS, REASONS_ELSEWHERE).newest(
        MAX_PER_KEY, range(since, ALL_IDS.stop)
    )
    attempts = VerificationAttempt.objects.filter(pk__in=ids[:MAX_STRAYS]).order_by("-id")
    return [
        Stray(attempt, explain(attempt, stored), is_certain=True)
        for attempt in attempts.select_related("account")
        if account in {token.account for token in Evidence(attempt, stored).live_signers()}
    ]
