"""Holds the parts that are signed besides the token, and the orders in which scripts join them."""

from __future__ import annotations

from typing import NamedTuple

#: The orders of token (0), timestamp (1) and nonce (2), the likeliest first.
ORDERS: list[tuple[int, ...]] = [(0, 1, 2), (1, 2, 0), (1, 0, 2), (0, 2, 1), (2, 1, 0), (2, 0, 1)]
#: The same with WeCom's echostr (3), whose other orders nobody writes.
ORDERS_OF_WECOM: list[tuple[int, ...]] = [
    *((0, 1, 2, 3), (1, 2, 3, 0), (1, 2, 0, 3), (1, 0, 2, 3), (0, 2, 1, 3)),
]


class Parts(NamedTuple):
    """Holds what an attempt recorded of the parts that are signed besides the token."""

    timestamp: bytes
    nonce: bytes
    echostr: bytes
    more: tuple[bytes, ...] = ()  #: what else the sender knows, such as the AppID and the path
    is_wecom: bool = False  #: it is signed as WeCom's calls are

    @property
    def signed(self) -> tuple[bytes, ...]:
        """Return the parts that belong into the signature."""
        return self[:3] if self.is_wecom else self[:2]

    @property
    def orders(self) -> list[tuple[int, ...]]:
        """Return the orders in which the token and these parts may be joined, likeliest first."""
        return ORDERS_OF_WECOM if self.is_wecom else ORDERS
