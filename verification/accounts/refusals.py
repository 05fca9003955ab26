"""Reads the refused callbacks of accounts that nothing has solved yet, with their causes.

Anybody can call a server URL. So the newest refusals may all be a stranger's, and the one that says
what is wrong is found among those before them.
"""

from __future__ import annotations

import ipaddress
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

from django.db.models import Q

from verification.accounts.forgeable import is_forgeable, needs_no_token
from verification.attempts.index import NONE, AttemptIndex
from verification.diagnosis import Explanation, StoredData, explain
from verification.models import OfficialAccount, VerificationAttempt
from verification.models.noise import ALL_MARKS, WECHAT_USER_AGENT
from verification.protocol.encryption import BODY
from verification.protocol.enums import Kind, Reason, is_wecom_call
from verification.protocol.signature import compute_signatures, signed_parts

#: The number of refusals read per account, kind and reason. More are read if so many are open.
ROWS_PER_KEY_BY_ROUND = [1, 20, 4000]
#: Of each account, the refusals from this many sources are explained.
MAX_SOURCES = 4
#: Of each source, this many of the newest refusals are explained, and as many of the oldest.
MAX_PER_SOURCE = 2
#: Of the source that is most like WeChat, so many of the newest: the operator of its console may
#: have made several mistakes, one after another.
MAX_OF_LIKELIEST = 12
#: Of each account, this many signatures are compared with the stored tokens, before the refusals to
#: explain are chosen. Half of the refusals are the newest ones, half the oldest.
MAX_COMPARISONS = 20_000
#: The number of accepted verifications per account whose source is compared.
MAX_VERIFICATIONS = 5
#: A refused verification, or a refusal without a known cause, is history after this time.
REFUSAL_LIFETIME = timedelta(hours=24)

#: The reasons for which WeChat's own requests are refused. A bot that opens the address without
#: parameters is refused for another one, and needs no action.
ACTIONABLE_REASONS = [
    Reason.SIGNATURE_MISMATCH,
    Reason.NO_TOKEN,
    Reason.UNDECRYPTABLE_TOKEN,
    Reason.MESSAGE_SIGNATURE_MISMATCH,
    Reason.UNDECRYPTABLE_MESSAGE,
]
#: The reasons of which only some refusals are an account's: those that _IS_OF_PLATFORM finds.
DOUBTFUL_REASONS = [Reason.MISSING_PARAMETER, Reason.MALFORMED_PARAMETER]
#: A signature that arrived is missing only where it is that of another platform than the account's.
SIGNATURE_NAMES = ["signature", "msg_signature"]
#: WeCom's echostr is malformed if a proxy has changed it: it is base64. Its body is malformed if
#: it has no Encrypt, as those of bots.
ECHOSTR = "echostr"
_IS_OF_PLATFORM = Q(signature__isnull=False) & (
    Q(reason=Reason.MISSING_PARAMETER, detail__in=SIGNATURE_NAMES)
    | (
        Q(reason=Reason.MALFORMED_PARAMETER)
        & Q(marks__in=[marks for marks in ALL_MARKS if is_wecom_call(marks)])
        & (Q(detail__startswith=ECHOSTR) | Q(detail=BODY))
    )
)
IS_ACCEPTED_OR_ACTIONABLE = Q(reason=None) | Q(reason__in=ACTIONABLE_REASONS) | _IS_OF_PLATFORM


@dataclass(frozen=True)
class Refusal:
    """Holds a refused attempt, its explanation, and whether its network is WeChat's."""

    attempt: VerificationAttempt
    explanation: Explanation
    #: It came from a network from which the account was verified before, so it is WeChat's.
    is_from_known_network: bool = False

    @property
    def may_be_forged(self) -> bool:
        """Return whether somebody other than WeChat may have sent it."""
        return is_forgeable(self.explanation) and not self.is_from_known_network

    def is_outdated(self, now: datetime) -> bool:
        """Return whether the refusal is too old to tell how the account is now."""
        is_push = self.attempt.kind == Kind.MESSAGE_PUSH
        if is_push and (not needs_no_token(self.explanation) or self.is_from_known_network):
            return False  # Followers wait for an answer until a push is accepted.
        return now - self.attempt.recorded_at > REFUSAL_LIFETIME

    def rank(self, now: datetime) -> tuple[bool, bool, bool, bool, int]:
        """Return the sort key: the refusal that says most comes first.

        Recent ones come first, then those that only a token explains, those from WeChat's network,
        those with its user agent, and the newest.
        """
        return (
            self.is_outdated(now),
            is_forgeable(self.explanation),
            not self.is_from_known_network,
            self.attempt.user_agent != WECHAT_USER_AGENT,
            -self.attempt.pk,
        )


@dataclass(frozen=True)
class OpenRefusals:
    """Holds what an account's refusals since its last accepted call come to."""

    #: The one that says most.
    most_telling: Refusal | None = None
    #: How many there were, among those that were read.
    count: int = 0


def read_open_refusals(
    last_accepted: Mapping[int, datetime | None], stored: StoredData, now: datetime
) -> dict[int, OpenRefusals]:
    """Return the refusals of each account that has any after its last accepted call.

    An accepted call shows that earlier refusals are solved.
    """
    rows = _read_open_rows(last_accepted)
    networks = _read_known_networks([*rows])
    chosen = {
        row.pk
        for pk, some in rows.items()
        for row in (*_choose_rows(some, networks[pk], now), *_find_signed(some, stored, now))
    }
    refusals: defaultdict[int, list[Refusal]] = defaultdict(list)
    attempts = VerificationAttempt.objects.filter(pk__in=chosen) if chosen else []
    for attempt in attempts:
        account = stored.accounts_by_id[attempt.account_id or 0]
        attempt.account = account
        is_known = network_of(attempt.client_ip) in networks[account.pk]
        refusals[account.pk].append(Refusal(attempt, explain(attempt, stored), is_known))
    return {
        pk: OpenRefusals(
            min(refusals[pk], key=lambda refusal: refusal.rank(now), default=None),
            sum(row.occurrences for row in some),
        )
        for pk, some in rows.items()
    }


class RefusalRow(NamedTuple):
    """Holds the columns by which the refusals to explain are chosen."""

    pk: int
    account_id: int
    kind: int
    reason: int
    detail: str
    recorded_at: datetime
    client_ip: str | None
    user_agent: str
    signature: bytes | None
    timestamp: str
    nonce: str
    echostr: str
    marks: int
    occurrences: int

    def __repr__(self) -> str:
        """Leave out what was called, because it may reach a log in a traceback."""
        return f"RefusalRow({self.pk})"

    @property
    def is_actionable(self) -> bool:
        """Return whether IS_ACCEPTED_OR_ACTIONABLE finds it."""
        if self.reason == Reason.MISSING_PARAMETER:
            return self.signature is not None and self.detail in SIGNATURE_NAMES
        if self.reason == Reason.MALFORMED_PARAMETER:
            is_wecoms = self.detail.startswith(ECHOSTR) or self.detail == BODY
            return self.signature is not None and is_wecoms and is_wecom_call(self.marks)
        return True


def _read_open_rows(last_accepted: Mapping[int, datetime | None]) -> dict[int, list[RefusalRow]]:
    """Return the newest refusals of each account after its last accepted call, newest first."""
    # Paused accounts are left out: all their pushes are refused, which can be thousands a day.
    active = OfficialAccount.objects.filter(pk__in=[*last_accepted], is_paused=False).order_by()
    accounts = set(active.values_list("id", flat=True))
    rows: dict[int, list[RefusalRow]] = {}
    for depth in ROWS_PER_KEY_BY_ROUND:
        found: defaultdict[int, list[RefusalRow]] = defaultdict(list)
        for row in _read_rows(actionable_refusals(accounts).newest(depth)):
            accepted = last_accepted[row.account_id]
            if accepted is None or accepted < row.recorded_at:
                found[row.account_id].append(row)
        rows.update(found)
        accounts = {pk for pk, some in found.items() if _largest_group(some) == depth}
        if not accounts:
            break
    actionable = {pk: [row for row in some if row.is_actionable] for pk, some in rows.items()}
    return {pk: some for pk, some in actionable.items() if some}


def _read_rows(ids: list[int]) -> Iterator[RefusalRow]:
    attempts = VerificationAttempt.objects.filter(pk__in=ids).order_by("-id")
    return (RefusalRow(*values) for values in attempts.values_list("id", *RefusalRow._fields[1:]))


def _largest_group(rows: list[RefusalRow]) -> int:
    """Return the highest number of rows with one kind and reason."""
    return max(Counter((row.kind, row.reason) for row in rows).values())


def _fresh(rows: list[RefusalRow], now: datetime) -> list[RefusalRow]:
    """Return the refusals that are not history, or all if every one is."""
    fresh = [
        row
        for row in rows
        if row.kind == Kind.MESSAGE_PUSH or now - row.recorded_at <= REFUSAL_LIFETIME
    ]
    return fresh or rows


def _choose_rows(
    rows: list[RefusalRow], known: Collection[str], now: datetime
) -> Iterator[RefusalRow]:
    """Yield the refusals to explain: a few from each source, those like WeChat's first.

    Of each source, the first and the last distinct calls are taken: WeChat's come before a
    stranger's or after them.
    """
    sources: dict[tuple[bool, bool, str], dict[bytes, RefusalRow]] = {}
    for row in _fresh(rows, now):
        network = network_of(row.client_ip)
        source = (network not in known, row.user_agent != WECHAT_USER_AGENT, network)
        signature = bytes(row.signature or b"")
        sources.setdefault(source, {}).setdefault(signature, row)
    newest = MAX_OF_LIKELIEST
    for source in sorted(sources, key=lambda source: source[:2])[:MAX_SOURCES]:
        different = [*sources[source].values()]
        yield from different[:newest]
        yield from different[newest:][-MAX_PER_SOURCE:]
        newest = MAX_PER_SOURCE


def _find_signed(rows: list[RefusalRow], stored: StoredData, now: datetime) -> Iterator[RefusalRow]:
    """Yield the newest refusal that is signed with a stored token, wherever it came from."""
    tokens = [*{text.encode() for _token, text in stored.secrets}]
    if len(rows) <= MAX_SOURCES or not tokens:
        return
    distinct = [*{bytes(row.signature or b""): row for row in reversed(_fresh(rows, now))}.values()]
    half = MAX_COMPARISONS // len(tokens) // 2
    for row in dict.fromkeys([*reversed(distinct[-half:]), *distinct[:half]]):
        if row.signature and bytes(row.signature) in compute_signatures(
            tokens, signed_parts(row.marks, row.timestamp, row.nonce, row.echostr)
        ):
            yield row
            return


def _read_known_networks(account_ids: list[int]) -> defaultdict[int, set[str]]:
    """Return the networks from which each account was last verified, where there are any."""
    known: defaultdict[int, set[str]] = defaultdict(set)
    if account_ids:
        ids = AttemptIndex(account_ids, [Kind.URL_VERIFICATION], [NONE]).newest(MAX_VERIFICATIONS)
        attempts = VerificationAttempt.objects.filter(pk__in=ids, client_ip__isnull=False)
        for account_id, client_ip in attempts.values_list("account_id", "client_ip"):
            known[account_id or 0].add(network_of(client_ip))
    return known


@lru_cache(maxsize=1024)
def network_of(client_ip: str | None) -> str:
    """Return the /24 or /64 network of the source, or an empty text if there is no address."""
    if not client_ip:
        return ""
    bits = 64 if ":" in client_ip else 24
    return str(ipaddress.ip_network((client_ip, bits), strict=False))


def actionable_refusals(account_ids: Iterable[int]) -> AttemptIndex:
    """Return the index of refused requests that may be WeChat's own."""
    reasons = [*ACTIONABLE_REASONS, *DOUBTFUL_REASONS]
    return AttemptIndex([*account_ids], [Kind.URL_VERIFICATION, Kind.MESSAGE_PUSH], reasons)


def refused_since(now: datetime) -> datetime:
    """Return the start of the last 24 hours.

    It is a full hour, so that the count in the list agrees with the attempts that its link shows.
    """
    return (now - timedelta(hours=24)).replace(minute=0, second=0, microsecond=0)
