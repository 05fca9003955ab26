"""Requests as WeChat signs them, made before the load: no two are alike, so that none can fold."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from itertools import count, cycle, islice
from pathlib import Path
from typing import NamedTuple

#: Goes up for as long as this process runs: a nonce in one run is in no other.
_numbers = count(10**9)


class Caller(NamedTuple):
    """Where requests go, and the token that signs them."""

    path: str
    token: str


def signed_targets(callers: Sequence[Caller]) -> Iterator[str]:
    """Endless request targets, the callers in turn; as long as those that WeChat sends."""
    timestamp = str(int(time.time()))
    for path, token in cycle(callers):
        number = next(_numbers)
        joined = "".join(sorted([token, timestamp, str(number)]))
        signature = hashlib.sha1(joined.encode(), usedforsecurity=False).hexdigest()
        yield (
            f"{path}?signature={signature}&echostr={number * 999_999_937}"
            f"&timestamp={timestamp}&nonce={number}"
        )


def write_targets(place: Path, callers: Sequence[Caller], number: int) -> None:
    with place.open("w") as file:
        file.writelines(f"{target}\n" for target in islice(signed_targets(callers), number))
