"""Waiting for somebody else's server, but not for ever."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


def in_time(seconds: float, work: Callable[[], T]) -> T:
    """What `work` returns or raises; TimeoutError after so many seconds.

    In a thread, which is then left to itself: nothing interrupts the search for a host's address,
    neither a timeout nor SIGTERM, and a socket's timeout begins anew with each byte.
    """
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except Exception as error:
            future.set_exception(error)

    threading.Thread(target=run, daemon=True).start()
    return future.result(seconds)
