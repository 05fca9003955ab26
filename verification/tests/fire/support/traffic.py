"""Requests as WeChat and others send them, each with a unique number."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import count
from typing import NamedTuple
from uuid import UUID

from verification.tests.support.adapter import A, B
from verification.tests.support.signer import verification


class Request(NamedTuple):
    number: int
    status: int  #: the status of its answer, if it can be recorded
    raw: bytes

    @property
    def id(self) -> UUID:
        return UUID(int=self.number)

    @property
    def echostr(self) -> bytes:
        return b"%019d" % self.number


def mixed_requests(first: int = 1) -> Iterator[Request]:
    """Yield URL verifications of Brand A without end: 70 % valid, 20 % forged, 10 % malformed.

    Each has a request id of its own, from the number `first` on.
    """
    for number in count(first):
        status = random.Random(number).choices([200, 403, 400], [7, 2, 1])[0]
        yield Request(number, status, raw_request(number, status))


def raw_request(number: int, status: int) -> bytes:
    token = B if status == 403 else A
    query = verification(token, nonce=str(number), echostr=f"{number:019}")
    if status == 400:
        query = query.replace("echostr=", "echo=")
    return (
        f"GET /wechat/brand-a?{query} HTTP/1.1\r\nHost: wx.example.cn\r\n"
        f"User-Agent: Mozilla/4.0\r\nX-Request-ID: {UUID(int=number)}\r\n\r\n"
    ).encode()
