"""Sealing batches of attempts into a chain, and checking that nobody changed them since."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

from verification.columns import COLUMNS_BY_VERSION, VERSION, canonical_line
from verification.keys import seal_keys
from verification.models import ChainHead, Seal, VerificationAttempt


class BrokenChain(Exception):
    """The log is not what was sealed; says where, in one sentence."""


def make_seal(head: ChainHead, attempts: Sequence[VerificationAttempt]) -> Seal:
    """The seal over `attempts`, which continue the chain at `head`."""
    key_id, key = next(iter(seal_keys().items()))
    seal = Seal(
        id=head.last_seal_id + 1,
        first_id=head.last_attempt_id + 1,
        count=len(attempts),
        version=VERSION,
        key_id=key_id,
    )
    seal.digest = compute_digest(bytes(head.last_digest), seal, attempts)
    seal.mac = compute_mac(key, seal.digest)
    return seal


def compute_digest(previous: bytes, seal: Seal, attempts: Iterable[VerificationAttempt]) -> bytes:
    """SHA-256 of the previous digest, the seal's own columns and the attempts' lines."""
    header = f"{seal.version}\t{seal.key_id}\t{seal.id}\t{seal.first_id}\t{seal.count}\n"
    digest = hashlib.sha256(previous + header.encode("ascii"))
    for attempt in attempts:
        digest.update(canonical_line(attempt, seal.version).encode("ascii") + b"\n")
    return digest.digest()


def compute_mac(key: bytes, digest: bytes) -> bytes:
    """Anyone can compute a digest; only who has the key can extend the chain unseen."""
    return hmac.digest(key, digest, "sha256")


def verify_chain(
    seals: Iterable[Seal], attempts: Iterable[VerificationAttempt], head: ChainHead | None
) -> Iterator[Seal]:
    """Yield each seal that holds, oldest first; raise BrokenChain at the first that does not.

    Both iterables are in the order of their ids.
    """
    keys = seal_keys()
    rows = iter(attempts)
    expected = ChainHead()
    for seal in seals:
        _verify_seal(expected, seal, list(islice(rows, seal.count)), keys)
        expected.last_seal_id, expected.last_attempt_id = seal.id, seal.last_id
        expected.last_digest = bytes(seal.digest)
        yield seal
    leftover = next(rows, None)
    if leftover is not None:
        raise BrokenChain(f"Attempt {leftover.id} is not covered by any seal.")
    _verify_head(expected, head)


def _verify_seal(
    before: ChainHead, seal: Seal, attempts: Sequence[VerificationAttempt], keys: dict[str, bytes]
) -> None:
    if seal.id != before.last_seal_id + 1:
        raise BrokenChain(f"Seal {before.last_seal_id + 1} is missing.")
    where = f"seal {seal.id} ({_attempts(seal)})"
    if seal.first_id != before.last_attempt_id + 1:
        raise BrokenChain(f"The range of {where} was altered.")
    if seal.version not in COLUMNS_BY_VERSION:
        raise BrokenChain(f"The version {seal.version} of {where} is unknown to this release.")
    found = [attempt.id for attempt in attempts]
    for wanted in range(seal.first_id, seal.last_id + 1):
        if wanted not in found[wanted - seal.first_id : wanted - seal.first_id + 1]:
            raise BrokenChain(f"Attempt {wanted}, in {where}, is missing or out of place.")
    if compute_digest(bytes(before.last_digest), seal, attempts) != bytes(seal.digest):
        raise BrokenChain(f"Something in {where} was altered.")
    key = keys.get(seal.key_id)
    if key is None:
        raise BrokenChain(
            f"The key {seal.key_id} of {where} is not in TOKEN_ENCRYPTION_KEYS, "
            "so its MAC proves nothing."
        )
    if compute_mac(key, bytes(seal.digest)) != bytes(seal.mac):
        raise BrokenChain(f"The MAC of {where} was not made with our key.")


def _attempts(seal: Seal) -> str:
    if seal.count == 1:
        return f"attempt {seal.first_id}"
    return f"attempts {seal.first_id} to {seal.last_id}"


def _verify_head(expected: ChainHead, head: ChainHead | None) -> None:
    if head is None:
        if expected.last_seal_id:
            raise BrokenChain("There are seals, but the chain's head is missing.")
        return
    if (head.last_seal_id, head.last_attempt_id, bytes(head.last_digest)) != (
        expected.last_seal_id,
        expected.last_attempt_id,
        bytes(expected.last_digest),
    ):
        raise BrokenChain(
            f"The chain's head is at seal {head.last_seal_id}, but the log ends with seal "
            f"{expected.last_seal_id}: its end was cut off or replaced."
        )
