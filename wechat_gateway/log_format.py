"""The format of log lines, Django's and gunicorn's: one JSON object a line."""

from __future__ import annotations

import time
from typing import Any

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter


class JsonLine(JsonFormatter):
    """Writes times in UTC, because gunicorn's master process does not know TIME_ZONE."""

    converter = staticmethod(time.gmtime)


OPTIONS: dict[str, Any] = {
    "fmt": "%(asctime)s %(levelname)s %(name)s %(message)s",
    "datefmt": "%Y-%m-%d %H:%M:%S +0000",
    # Leave out the request that Django attaches, whose repr() holds the query and so the
    # signature, and the coloured copy of the message that uvicorn attaches.
    "reserved_attrs": [*RESERVED_ATTRS, "request", "color_message"],
}
FORMATTER = {"()": "wechat_gateway.log_format.JsonLine", **OPTIONS}
