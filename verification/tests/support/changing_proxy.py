"""An HTTP proxy in front of the gateway that changes what passes, as a faulty one does."""

from __future__ import annotations

import http.client
import http.server
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


def unchanged(text: Any) -> Any:
    return text


@contextmanager
def changing_proxy(
    port: int,
    answer: Callable[[bytes], bytes] = unchanged,
    target: Callable[[str], str] = unchanged,
) -> Iterator[str]:
    """Pass requests on to this port, and yield the proxy's address.

    `answer` changes the bodies of answers, and `target` the paths and query strings of requests.
    """

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.pass_on()

        def do_POST(self) -> None:
            self.pass_on()

        def pass_on(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            connection.request(self.command, target(self.path), body, dict(self.headers))
            response = connection.getresponse()
            changed = answer(response.read())
            connection.close()
            self.send_response(response.status)
            self.send_header("content-length", str(len(changed)))
            self.end_headers()
            self.wfile.write(changed)

        def log_message(self, *_: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
