"""Make callbacks without HTTP, to test the code behind the adapters."""

from __future__ import annotations

from typing import Any

from verification.protocol.callback import Callback, parse_callback
from verification.protocol.request import Request, path_slug

#: The shared rows that are left after a long flood. However slow a test is, there are none.
EXHAUSTED = -1_000_000


def make_callback(query: str, path: bytes = b"/wechat/brand-a", **rest: Any) -> Callback:
    fields = {"method": "GET", "headers": {}, "peer": "10.0.0.1", "scheme": "http"}
    request = Request(path=path, query=query.encode(), **{**fields, "http_version": "1.0", **rest})
    return parse_callback(request, path_slug(request) or "", 0, b"key")
