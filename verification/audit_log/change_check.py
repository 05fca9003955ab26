"""Checks the change log: that its events form a chain, and that the accounts are as it says."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from verification.account_digests import are_account_digests
from verification.audit_log.account_check import RecordedAccounts
from verification.change_log import (
    DIGEST_COLUMNS,
    add_unsigned,
    compute_digest,
    has_our_mac,
    is_genuine,
    without_proof,
)
from verification.keys import seal_keys
from verification.models import ChangeEvent
from verification.models.chain import GENESIS

#: For this long after the first signed event, the release that signed none may still write events.
ROLL_OUT = timedelta(hours=1)
BEFORE_ALL = -(2**63)

ALTERED = gettext_lazy(
    "Change event {event} was altered, or this server did not record it: its MAC was not made with "
    "our key."
)
UNSIGNED = gettext_lazy(
    "Change event {event} has no MAC, so this release of the server did not record it."
)
UNKNOWN_KEY = gettext_lazy(
    "The key {key} of change event {event} is not in TOKEN_ENCRYPTION_KEYS, so its MAC cannot be "
    "checked. Put the key back, at the end."
)


def describe_doubt(event: ChangeEvent) -> str:
    """Return why one event proves nothing by itself, or an empty text.

    An event of a release that signed none is bound by the first signed one.
    """
    if event.mac is None:
        signed = ChangeEvent.objects.filter(id__lt=event.pk).exclude(mac=None)
        return UNSIGNED.format(event=event.pk) if signed.exists() else ""
    if event.key_id not in seal_keys():
        return UNKNOWN_KEY.format(key=event.key_id, event=event.pk)
    return "" if is_genuine(event) else ALTERED.format(event=event.pk)


class Event(NamedTuple):
    """An event as it is checked. Creating a model for each of many would take too long."""

    id: int
    recorded_at: datetime
    action: str
    account_id: int | None
    account_digests: Any
    key_id: str
    previous: bytes | None
    mac: bytes | None
    digest: bytes


def read_events(after: int) -> Iterator[Event]:
    events = ChangeEvent.objects.filter(id__gt=after).order_by("id")
    for values in events.values_list(*DIGEST_COLUMNS, "mac").iterator(2000):
        columns, mac = values[:-1], values[-1]
        id_, at, _who, action, account_id, *_rest, digests, key_id, previous = columns
        digest = compute_digest(columns)
        yield Event(
            *(id_, at, action, account_id, digests, key_id),
            previous=None if previous is None else bytes(previous),
            mac=None if mac is None else bytes(mac),
            digest=digest,
        )


class ChangeLogCheck:
    """Follows the change log, oldest event first. It can go on from where it stopped.

    Each problem is a sentence. A gap in the ids is no problem: a transaction that was rolled back
    leaves one. Each event holds the digest of the one before, which shows if one is missing.
    """

    def __init__(self) -> None:
        self._last: Event | None = None
        self.accounts = RecordedAccounts()
        self.keys = seal_keys()
        self._history = GENESIS  #: over the events before the first signed one
        self._roll_out_ends: datetime | None = None  #: None before the first signed event
        self._is_roll_out_over = False
        #: The link that the next signed event must hold; None if the last one is not ours.
        self._link: bytes | None = None
        self._last_signed_id = 0
        # Events whose key is no longer known: those for which the next event may still vouch, and
        # those for which it did not.
        self._waiting: list[Event] = []
        self._unproven: list[Event] = []

    def find_cut(self) -> str | None:
        """Return a sentence if the last event of the earlier run is gone or another one."""
        if self._last is None or next(read_events(self._last.id - 1), None) == self._last:
            return None
        return _(
            "The change log lacks event {event}, which an earlier check has seen: its end was cut "
            "off or replaced."
        ).format(event=self._last.id)

    def run(self) -> Iterator[str]:
        """Follow the events since the last run, and compare all accounts with them."""
        for event in read_events(self._last.id if self._last else BEFORE_ALL):
            self._last = event
            yield from self._follow(event)
        yield from self.accounts.compare()

    def find_unknown_keys(self) -> Iterator[str]:
        """Yield a sentence for each event with an unknown key that no later event proves."""
        for event in (*self._unproven, *self._waiting):
            yield UNKNOWN_KEY.format(key=event.key_id, event=event.id)

    def _follow(self, event: Event) -> Iterator[str]:
        if event.mac is None:
            yield from self._follow_unsigned(event)
            return
        if self._roll_out_ends is None:
            # A log without unsigned events began with this release.
            is_upgrade = self._history != GENESIS
            self._roll_out_ends = event.recorded_at + (ROLL_OUT if is_upgrade else timedelta())
            self._is_roll_out_over, self._link = not is_upgrade, self._history
        is_known = event.key_id in self.keys
        is_altered = is_known and not has_our_mac(event.key_id, event.mac, event.digest, self.keys)
        if is_altered or not are_account_digests(event.account_digests):
            yield ALTERED.format(event=event.id)
            self._doubt(event)
            self._link = None
            return
        yield from self._verify_link(event, is_known)
        self._link, self._last_signed_id = event.digest, event.id
        self._is_roll_out_over |= event.recorded_at > self._roll_out_ends
        self.accounts.add(event.id, event.account_digests)

    def _follow_unsigned(self, event: Event) -> Iterator[str]:
        if self._roll_out_ends is None:
            self._history = add_unsigned(self._history, event.digest)
        elif self._is_roll_out_over or event.recorded_at > self._roll_out_ends:
            yield UNSIGNED.format(event=event.id)
            self._doubt(event)
        else:
            self.accounts.forget(event.action, event.account_id)

    def _doubt(self, event: Event) -> None:
        self.accounts.doubt(event.id, event.account_id, event.account_digests)

    def _verify_link(self, event: Event, is_known: bool) -> Iterator[str]:
        """Report missing events before this one, and those for which it cannot vouch."""
        is_vouched = event.previous == self._link
        is_linked = is_vouched or (
            self._link is not None and event.previous == without_proof(self._link)
        )
        if self._link is not None and not is_linked:
            yield _(
                "A change event between {last} and {event} is missing, or was replaced."
            ).format(last=self._last_signed_id, event=event.id)
        if not is_vouched:
            self._unproven += self._waiting
        if is_known or not is_vouched:
            self._waiting = []
        if not is_known:
            self._waiting.append(event)
