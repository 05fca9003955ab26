"""Signs requests as WeChat does, before the load starts.

No two requests are alike, so that the gateway cannot combine refusals into one row.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator, Sequence
from itertools import count, cycle, islice
from pathlib import Path
from typing import NamedTuple

#: Counts through all runs of this process, so that no two runs use the same nonce.
_numbers = count(10**9)


class Caller(NamedTuple):
    """Holds the path that requests go to, and the token that signs them."""

    path: str
    token: str


def signed_targets(callers: Sequence[Caller]) -> Iterator[str]:
    """Yield request targets without end, one caller after the other.

    They are as long as those that WeChat sends.
    """
    timestamp = str(int(time.time()))
    for path, token in cycle(callers):
        number = next(_numbers)
        joined = "".join(sorted([token, timestamp, str(number)]))
        signature = hashlib.sha1(joined.encode(), usedforsecurity=False).hexdigest()
        yield (
            f"{path}?signature={signature}&echostr={number * 999_999_937}"
            f"&timestamp={timestamp}&nonce={number}"
        )


def write_targets(path: Path, callers: Sequence[Caller], number: int) -> None:
    """Write `number` targets to a file, one a line."""
    with path.open("w") as file:
        file.writelines(f"{target}\n" for target in islice(signed_targets(callers), number))
