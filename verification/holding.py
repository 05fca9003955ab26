"""Callbacks of a flood wait for each other, so that a few commits serve many of them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from time import monotonic
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
        return max(0.0, self.last_tick + TICK - monotonic()) if self.waiting else None

    def hold(self, batch: Sequence[Waiting]) -> list[Waiting]:
        """Keep those that are too many, and give back the rest."""
        held = too_many([waiting.callback for waiting in batch])
        self.waiting += [waiting for n, waiting in enumerate(batch) if n in held]
        return [waiting for n, waiting in enumerate(batch) if n not in held]

    def release(self, most: int) -> list[Waiting]:
        """Once the tick has come, so many; it lasts until all are released."""
        if self.time_left != 0:
            return []
        released, self.waiting = self.waiting[:most], self.waiting[most:]
        if not self.waiting:
            self.last_tick = monotonic()
        return released

    def give_up(self) -> list[Waiting]:
        """All of them, at once."""
        given_up, self.waiting = self.waiting, []
        return given_up


def too_many(callbacks: Sequence[Callback]) -> set[int]:
    """The positions of what a flood is made of: refusals beyond their source's budget, whatever
    they are refused for, and what was accepted too often; never what is so for the first time.
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
