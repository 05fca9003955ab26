"""Defines how long a callback may take: until its answer, its commit and the end of its body."""

from __future__ import annotations

import time

from verification.protocol.callback import Callback

#: Seconds from a callback's arrival to its answer, recorded or not. WeChat waits 5 s, WeCom 1 s.
ANSWER_DEADLINE = 2.5
#: Seconds from a callback's arrival to its commit. The adapters answer 503 a little later.
BATCH_DEADLINE = 2.3
#: Seconds of BATCH_DEADLINE that must be left for a batch to take a callback.
MIN_TIME_LEFT = 0.3
#: Seconds that reading a body may take.
BODY_DEADLINE = 1.0
#: Seconds from a push's arrival until a connection without an answer is given up. WeChat waits 5 s.
HOLD_DEADLINE = 6.0
#: Seconds that a probe of the database may take.
PROBE_DEADLINE = 1.0


def is_in_time(callback: Callback) -> bool:
    """Return whether a batch may take this callback.

    A batch has the deadline of its oldest callback, so one that is too late would fail all others.
    """
    return remaining(callback.started) > MIN_TIME_LEFT


def remaining(started: float) -> float:
    """Return the seconds that are left of BATCH_DEADLINE."""
    return started + BATCH_DEADLINE - time.perf_counter()
