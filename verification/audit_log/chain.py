"""Seals batches of attempts into a chain, and checks that no sealed attempt has changed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import NamedTuple

from django.utils.translation import gettext as _

from verification.audit_log.canonical import COLUMNS_BY_VERSION, VERSION
from verification.keys import compute_mac, seal_keys
from verification.models import ChainHead, Checkpoint, Seal


class BrokenChain(Exception):
    """The log differs from what was sealed. The message says where, in one sentence."""


class UnknownKey(BrokenChain):
    """A MAC cannot be checked. Everything that takes no key to check is as it was sealed."""


def make_seal(head: ChainHead, lines: Sequence[bytes]) -> Seal:
    """Return the seal over canonical lines that continue the chain at `head`."""
    key_id, key = next(iter(seal_keys().items()))
    seal = Seal(
        id=head.last_seal_id + 1,
        first_id=head.last_attempt_id + 1,
        count=len(lines),
        version=VERSION,
        key_id=key_id,
    )
    seal.digest = compute_digest(bytes(head.last_digest), seal, lines)
    seal.mac = compute_mac(key, seal.digest)
    return seal


def compute_digest(previous: bytes, seal: Seal, lines: Sequence[bytes]) -> bytes:
    """Return the SHA-256 of the previous digest, the seal's own columns and the attempts' lines."""
    header = f"{seal.version}\t{seal.key_id}\t{seal.id}\t{seal.first_id}\t{seal.count}\n"
    return hashlib.sha256(b"".join([previous, header.encode("ascii"), *lines])).digest()


class Chain:
    """Follows the seals from `start`, oldest first. Without keys, it does not check their MACs.

    You can continue after a BrokenChain: the next seal is compared with what the broken seal says.
    """

    def __init__(self, start: ChainHead | None = None, keys: Mapping[str, bytes] | None = None):
        origin = start or ChainHead()
        self.head = ChainHead(
            last_seal_id=origin.last_seal_id,
            last_attempt_id=origin.last_attempt_id,
            last_digest=bytes(origin.last_digest),
        )
        self.keys = keys

    def follow(self, seal: Seal, lines: Sequence[bytes]) -> None:
        """Check the next seal against the lines of its range. Raise BrokenChain if they differ."""
        before = _place(self.head)
        self.head.move_to(seal)
        _verify_place(before, seal)
        if compute_digest(before.digest, seal, lines) != bytes(seal.digest):
            raise BrokenChain(_describe_difference(seal, lines))
        if self.keys is not None:
            verify_mac(partial(_name, seal), seal, bytes(seal.digest), self.keys)

    def verify_head(self, head: ChainHead | None) -> None:
        """Raise BrokenChain unless the chain ends where its head says."""
        if head is None:
            if self.head.last_seal_id:
                raise BrokenChain(_("There are seals, but the chain's head is missing."))
            return
        if head.last_seal_id == self.head.last_seal_id and _place(head) != _place(self.head):
            raise BrokenChain(
                _(
                    "The chain's head is not that of seal {head}, the last one: its digest or its "
                    "last attempt differs."
                ).format(head=head.last_seal_id)
            )
        if _place(head) != _place(self.head):
            raise BrokenChain(
                _(
                    "The chain's head is at seal {head}, but the log ends with seal {end}: "
                    "its end was cut off or replaced."
                ).format(head=head.last_seal_id, end=self.head.last_seal_id)
            )


class Place(NamedTuple):
    """A position in a chain. Creating a model for each of a million seals would take too long."""

    seal_id: int
    attempt_id: int
    digest: bytes


def _place(head: ChainHead) -> Place:
    return Place(head.last_seal_id, head.last_attempt_id, bytes(head.last_digest))


def _verify_place(before: Place, seal: Seal) -> None:
    if seal.id != before.seal_id + 1:
        raise BrokenChain(_("Seal {seal} is missing.").format(seal=before.seal_id + 1))
    if seal.first_id != before.attempt_id + 1:
        raise BrokenChain(_("The range of {seal} was altered.").format(seal=_name(seal)))
    if seal.version not in COLUMNS_BY_VERSION:
        raise BrokenChain(
            _("The version {version} of {seal} is unknown to this release.").format(
                version=seal.version, seal=_name(seal)
            )
        )


def verify_mac(
    name: Callable[[], str], sealed: Seal | Checkpoint, text: bytes, keys: Mapping[str, bytes]
) -> None:
    """Raise BrokenChain unless the MAC over `text` was made with our key: UnknownKey without it.

    `name` returns how the message names the sealed object. It is called only to write a message.
    """
    key = keys.get(sealed.key_id)
    if key is None:
        raise UnknownKey(
            _(
                "The key {key} of {seal} is not in TOKEN_ENCRYPTION_KEYS, so its MAC cannot be "
                "checked. Put the key back, at the end."
            ).format(key=sealed.key_id, seal=name())
        )
    if compute_mac(key, text) != bytes(sealed.mac):
        raise BrokenChain(_("The MAC of {seal} was not made with our key.").format(seal=name()))


def _describe_difference(seal: Seal, lines: Sequence[bytes]) -> str:
    ids = [id_of(line) for line in lines]
    for attempt_id, following_id in pairwise(ids):
        if attempt_id == following_id:
            return _("Attempt {attempt}, in {seal}, appears more than once.").format(
                attempt=attempt_id, seal=_name(seal)
            )
    for position, expected_id in enumerate(range(seal.first_id, seal.last_id + 1)):
        if ids[position : position + 1] != [expected_id]:
            return _("Attempt {attempt}, in {seal}, is missing or out of place.").format(
                attempt=expected_id, seal=_name(seal)
            )
    return _("Something in {seal} was altered.").format(seal=_name(seal))


def id_of(line: bytes) -> int:
    """Return the id of the attempt, which is the first column in every version of a line."""
    return int(line[: line.index(b"\t")])


def _name(seal: Seal) -> str:
    if seal.count == 1:
        return _("seal {seal} (attempt {first})").format(seal=seal.id, first=seal.first_id)
    return _("seal {seal} (attempts {first} to {last})").format(
        seal=seal.id, first=seal.first_id, last=seal.last_id
    )
