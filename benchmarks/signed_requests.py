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
OPENID = "o9AgO5Kd5ggOC-bXrbNODIiE3bGY"
#: The body of a push. In place of {id} comes the number of the request, which has ten digits.
MESSAGE = (
    "<xml><ToUserName><![CDATA[gh_97417a04a28d]]></ToUserName>"
    f"<FromUserName><![CDATA[{OPENID}]]></FromUserName><CreateTime>1714036504</CreateTime>"
    "<MsgType><![CDATA[text]]></MsgType><Content><![CDATA[Is the shop open today?]]></Content>"
    "<MsgId>2453570000{id}</MsgId></xml>"
)


class Caller(NamedTuple):
    """Holds the path that requests go to, and the token that signs them."""

    path: str
    token: str


def signed_targets(callers: Sequence[Caller], *, are_pushes: bool = False) -> Iterator[str]:
    """Yield targets of URL checks or of pushes without end, one caller after the other.

    They are as long as those that WeChat sends.
    """
    timestamp = str(int(time.time()))
    for path, token in cycle(callers):
        number = next(_numbers)
        joined = "".join(sorted([token, timestamp, str(number)]))
        signature = hashlib.sha1(joined.encode(), usedforsecurity=False).hexdigest()
        rest = f"openid={OPENID}" if are_pushes else f"echostr={number * 999_999_937}"
        yield f"{path}?signature={signature}&{rest}&timestamp={timestamp}&nonce={number}"


def write_targets(path: Path, targets: Iterator[str], number: int) -> None:
    """Write `number` targets to a file, one a line."""
    with path.open("w") as file:
        file.writelines(f"{target}\n" for target in islice(targets, number))
