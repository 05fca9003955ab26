"""Reads the refused callbacks of accounts that nothing has solved yet, with their causes."""

from __future__ import annotations

import ipaddress
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import chain

from django.db.models import Q

from verification.attempts.index import NONE, AttemptIndex
from verification.diagnosis import Explanation, StoredData, explain
from verification.models import OfficialAccount, VerificationAttempt
from verification.protocol.enums import Kind, Reason

#: The number of refusals read per account: a stray request must not hide one with a known cause.
MAX_REFUSALS = 3
#: The causes of refusals whose query string was signed correctly, and can have been copied.
FORGEABLE = {"message_unreadable", "message_not_encrypted", "message_signature_mismatch"}
#: The number of accepted verifications per account whose source is compared.
MAX_SOURCES = 5

#: The reasons for which WeChat's own requests are refused. A bot that opens the address without
#: parameters is refused for another one, and needs no action.
ACTIONABLE_REASONS = [
    Reason.SIGNATURE_MISMATCH,
    Reason.NO_TOKEN,
    Reason.UNDECRYPTABLE_TOKEN,
    Reason.MESSAGE_SIGNATURE_MISMATCH,
    Reason.UNDECRYPTABLE_MESSAGE,
]
IS_ACCEPTED_OR_ACTIONABLE = Q(reason=None) | Q(reason__in=ACTIONABLE_REASONS)


@dataclass(frozen=True)
class Refusal:
    attempt: VerificationAttempt
    explanation: Explanation
    #: It came from a network from which the account was verified before, so it is WeChat's.
    is_from_known_network: bool = False

    @property
    def is_unknown(self) -> bool:
        """Whether no stored token explains it: a typing error, or a stranger's request."""
        return self.explanation.cause == "token_unknown"

    @property
    def is_forgeable(self) -> bool:
        """Whether anyone who has seen the address of a push could have sent such a request."""
        return self.is_unknown or self.explanation.cause in FORGEABLE

    @property
    def may_be_forged(self) -> bool:
        """Whether it may have been sent by somebody else than WeChat."""
        return self.is_forgeable and not self.is_from_known_network


def read_open_refusals(
    last_accepted: Mapping[int, datetime | None], stored: StoredData
) -> dict[int, list[Refusal]]:
    """Return the refusals of each account after its last accepted call, newest first.

    An accepted call shows that earlier refusals are solved. There are at most MAX_REFUSALS each.
    """
    refusals: defaultdict[int, list[Refusal]] = defaultdict(list)
    for attempt in _open_attempts(last_accepted):
        refusals[attempt.account_id or 0].append(Refusal(attempt, explain(attempt, stored)))
    suspects = [pk for pk, some in refusals.items() if any(one.may_be_forged for one in some)]
    for account_id, networks in _read_known_networks(suspects).items():
        refusals[account_id] = [
            replace(refusal, is_from_known_network=_network_of(refusal.attempt) in networks)
            for refusal in refusals[account_id]
        ]
    return refusals


def _open_attempts(last_accepted: Mapping[int, datetime | None]) -> Iterable[VerificationAttempt]:
    """Return the newest MAX_REFUSALS refusals of each account after its last accepted call.

    Most refusals that the index finds are solved, so only account and time of all are read.
    """
    # Paused accounts are left out: all their pushes are refused, which can be thousands a day.
    active = OfficialAccount.objects.filter(pk__in=[*last_accepted], is_paused=False).order_by()
    ids = actionable_refusals(active.values_list("id", flat=True)).newest(MAX_REFUSALS)
    found = VerificationAttempt.objects.filter(pk__in=ids).order_by("-id")
    open_ids: defaultdict[int, list[int]] = defaultdict(list)
    for pk, account_id, recorded_at in found.values_list("id", "account_id", "recorded_at"):
        accepted = last_accepted[account_id or 0]
        is_open = accepted is None or accepted < recorded_at
        if is_open and len(open_ids[account_id or 0]) < MAX_REFUSALS:
            open_ids[account_id or 0].append(pk)
    return (
        VerificationAttempt.objects.filter(pk__in=[*chain.from_iterable(open_ids.values())])
        .select_related("account")
        .order_by("-id")
    )


def _read_known_networks(account_ids: list[int]) -> dict[int, set[str]]:
    """Return the networks from which each account was last verified, where there are any."""
    known: defaultdict[int, set[str]] = defaultdict(set)
    if account_ids:
        ids = AttemptIndex(account_ids, [Kind.URL_VERIFICATION], [NONE]).newest(MAX_SOURCES)
        attempts = VerificationAttempt.objects.filter(pk__in=ids, client_ip__isnull=False)
        for attempt in attempts.only("account_id", "client_ip"):
            known[attempt.account_id or 0].add(_network_of(attempt))
    return known


def _network_of(attempt: VerificationAttempt) -> str:
    """Return the /24 or /64 network of the source, or an empty text if there is no address."""
    if not attempt.client_ip:
        return ""
    bits = 64 if ":" in attempt.client_ip else 24
    return str(ipaddress.ip_network((attempt.client_ip, bits), strict=False))


def actionable_refusals(account_ids: Iterable[int]) -> AttemptIndex:
    """Return the index of refused requests that look like WeChat's own."""
    return AttemptIndex(
        [*account_ids], [Kind.URL_VERIFICATION, Kind.MESSAGE_PUSH], ACTIONABLE_REASONS
    )


def refused_since(now: datetime) -> datetime:
    """Return the start of the last 24 hours.

    It is a full hour, so that the count in the list agrees with the attempts that its link shows.
    """
    return (now - timedelta(hours=24)).replace(minute=0, second=0, microsecond=0)
