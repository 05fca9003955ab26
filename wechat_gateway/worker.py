"""gunicorn's worker: uvicorn, with the defaults that would betray us switched off."""

from __future__ import annotations

import signal
from types import FrameType
from typing import Any

from uvicorn_worker import UvicornWorker


class GatewayWorker(UvicornWorker):
    CONFIG_KWARGS: dict[str, Any] = {
        "loop": "uvloop",
        "http": "httptools",
        "ws": "none",
        "lifespan": "off",
        # Heroku exports FORWARDED_ALLOW_IPS='*', and uvicorn then believes the leftmost,
        # forged X-Forwarded-For. We read the header from the right instead.
        "proxy_headers": False,
        # uvicorn's access line holds the query string, and with it the signature.
        "access_log": False,
        "server_header": False,
        # uvicorn-worker does not pass gunicorn's graceful_timeout on.
        "timeout_graceful_shutdown": 20,
    }

    def handle_exit(self, number: int, frame: FrameType | None) -> None:
        """gunicorn's quick stop (SIGQUIT), which uvicorn does not know: pass on as one it does."""
        signal.raise_signal(signal.SIGTERM)
