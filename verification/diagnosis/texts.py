"""Finds the text that makes a signature as WeChat would make it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha1
from itertools import pairwise

from verification.diagnosis.deviations import Deviation
from verification.diagnosis.parts import Parts
from verification.diagnosis.slips import Slip, Variants
from verification.diagnosis.values import Value


@dataclass(frozen=True)
class Match:
    """Says which value made the signature, and by which mistakes."""

    value: Value
    slips: tuple[Slip, ...] = ()
    deviation: Deviation | None = None


class Texts:
    """Holds texts that are tried in place of the token, each with the value and its mistakes."""

    def __init__(self, variants: Iterable[tuple[Value, Variants]]) -> None:
        self.sources: dict[bytes, tuple[Value, Variants]] = {}
        for source in variants:
            for text in source[1].texts:
                self.sources.setdefault(text, source)
        #: Sorted, so that where the other parts stand beside a text is found once for many.
        self.sorted = sorted(self.sources)

    def __len__(self) -> int:
        return len(self.sorted)

    def find(self, parts: Parts, signature: bytes) -> Match | None:
        """Return the text that makes the signature as WeChat would with that token."""
        others = sorted(parts.signed)
        places = [0, *(bisect_right(self.sorted, other) for other in others), len(self.sorted)]
        for number, (low, high) in enumerate(pairwise(places)):
            before, after = b"".join(others[:number]), b"".join(others[number:])
            texts = self.sorted[low:high]
            digests = [
                sha1(before + text + after, usedforsecurity=False).digest() for text in texts
            ]
            if signature in digests:
                text = texts[digests.index(signature)]
                value, variants = self.sources[text]
                is_completed = variants.is_completed_by(text, before + text + after)
                return None if is_completed else Match(value, variants.slips)
        return None
