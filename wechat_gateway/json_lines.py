"""How Django's and gunicorn's log lines are written: a JSON object each."""

from __future__ import annotations

from pythonjsonlogger.core import RESERVED_ATTRS

FORMATTER = {
    "()": "pythonjsonlogger.json.JsonFormatter",
    "fmt": "%(asctime)s %(levelname)s %(name)s %(message)s",
    "datefmt": "%Y-%m-%d %H:%M:%S %z",
    # Django attaches the request, whose repr() holds the query and so the signature; uvicorn the
    # same message once more, in colour.
    "reserved_attrs": [*RESERVED_ATTRS, "request", "color_message"],
}
