"""How Django's and gunicorn's log lines are written: a JSON object each."""

from __future__ import annotations

import time
from typing import Any

from pythonjsonlogger.core import RESERVED_ATTRS

FORMATTER: dict[str, Any] = {
    "()": "pythonjsonlogger.json.JsonFormatter",
    "fmt": "%(asctime)s %(levelname)s %(name)s %(message)s",
    "datefmt": "%Y-%m-%d %H:%M:%S +0000",
    # The same for every process, whatever TIME_ZONE says.
    ".": {"converter": time.gmtime},
    # Django attaches the request, whose repr() holds the query and so the signature; uvicorn the
    # same message once more, in colour.
    "reserved_attrs": [*RESERVED_ATTRS, "request", "color_message"],
}
