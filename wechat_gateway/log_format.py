"""How Django's and gunicorn's log lines are written: a JSON object each."""

from __future__ import annotations

import time

from pythonjsonlogger.core import RESERVED_ATTRS
from pythonjsonlogger.json import JsonFormatter


class JsonLine(JsonFormatter):
    """In UTC, as every process can say it: gunicorn's first one knows no TIME_ZONE."""

    converter = staticmethod(time.gmtime)


FORMATTER = {
    "()": "wechat_gateway.log_format.JsonLine",
    "fmt": "%(asctime)s %(levelname)s %(name)s %(message)s",
    "datefmt": "%Y-%m-%d %H:%M:%S +0000",
    # Django attaches the request, whose repr() holds the query and so the signature; uvicorn the
    # same message once more, in colour.
    "reserved_attrs": [*RESERVED_ATTRS, "request", "color_message"],
}
