"""gunicorn's worker: uvicorn without the defaults that are unsafe for this gateway."""

from __future__ import annotations

import gc
import signal
import sys
from types import FrameType
from typing import Any

from uvicorn_worker import UvicornWorker


class GatewayWorker(UvicornWorker):
    sockets: list[Any]

    CONFIG_KWARGS: dict[str, Any] = {
        "loop": "uvloop",
        "http": "wechat_gateway.http_protocol:LimitedProtocol",
        "ws": "none",
        "lifespan": "on",
        # Heroku exports FORWARDED_ALLOW_IPS='*', which makes uvicorn trust the leftmost address
        # in X-Forwarded-For, which a client can forge. protocol/client_ip.py reads the header
        # from the right instead.
        "proxy_headers": False,
        # uvicorn's access log holds the query string, and with it the signature.
        "access_log": False,
        "server_header": False,
        # uvicorn-worker does not pass gunicorn's graceful_timeout on.
        "timeout_graceful_shutdown": 20,
    }

    def run(self) -> None:
        """Serve on plain sockets: uvloop closes those of gunicorn twice, which logs an error."""
        self.sockets = [listener.sock for listener in self.sockets]
        # uvicorn raises the signals that it has handled once more, which would kill the process
        # before it has written its last log lines.
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, exit_process)
        # Without the objects that are loaded by now, a full collection of garbage is short. With
        # them, it would stop the process for some 50 ms.
        gc.collect()
        gc.freeze()
        super().run()

    def handle_exit(self, number: int, frame: FrameType | None) -> None:
        """Handle SIGQUIT, gunicorn's quick stop, as SIGTERM: uvicorn does not know SIGQUIT."""
        signal.raise_signal(signal.SIGTERM)


def exit_process(number: int, frame: FrameType | None) -> None:
    sys.exit()
