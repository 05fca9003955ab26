"""Callbacks of a flood wait for each other, so that a few commits serve many of them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from typing import NamedTuple

from verification.protocol.callback import Callback
from verification.protocol.reply import Verdict
from verification.recording import Unrecorded, flood, screen

#: Seconds between two commits of what is held, and so the longest that a flood waits for an answer.
TICK = 0.1


class Waiting(NamedTuple):
    callback: Callback
    verdict: asyncio.Future[Verdict]


class Held:
    """Those beyond their budget, until the next tick."""

    def __init__(self) -> None:
        self.waiting: list[Waiting] = []
        self.last_tick = 0.0

    @property
    def time_left(self) -> float | None:
        """Seconds until the next tick; None when nobody waits for it."""
        return max(0.0, self.last_tick + TICK - time.monotonic()) if self.waiting else None

    def hold(self, batch: Sequence[Waiting]) -> list[Waiting]:
        """Keep those that are too many, and give back the rest."""
        held = too_many([waiting.callback for waiting in batch])
        self.waiting += [waiting for n, waiting in enumerate(batch) if n in held]
        return [waiting for n, waiting in enumerate(batch) if n not in held]

    def release(self) -> list[Waiting]:
        """All of them once the tick has come."""
        if self.time_left != 0:
            return []
        self.last_tick = time.monotonic()
        released, self.waiting = self.waiting, []
        return released


def too_many(callbacks: Sequence[Callback]) -> set[int]:
    """The positions of what a flood is made of: refusals beyond their source's budget, whatever
    they are refused for, and what passed too often. What passes for the first time never is.
    """
    suspects = [n for n, callback in enumerate(callbacks) if flood.is_suspect(callback)]
    if not suspects:
        return set()
    try:
        verdicts = screen([callbacks[n] for n in suspects])
    except Unrecorded:
        return set()  # verify() will tell all of them
    pairs = zip(suspects, verdicts, strict=True)
    return {n for n, verdict in pairs if flood.shared_by(callbacks[n], verdict) is not None}
