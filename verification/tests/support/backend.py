"""A backend on this machine that notes what it gets and answers as a test tells it."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from verification import change_log
from verification.change_log import Action
from verification.fields import Secret
from verification.models import Backend, OfficialAccount
from verification.models.delivery import Delivery
from verification.tests.support.accounts import LI_WEI

#: The webhook secret of every backend here.
WEBHOOK_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"  # pragma: allowlist secret
REPLY = (
    b"<xml><ToUserName><![CDATA[o9AgO5Kd5ggOC-bXrbNODIiE3bGY]]></ToUserName>"
    b"<FromUserName><![CDATA[gh_97417a04a28d]]></FromUserName>"
    b"<CreateTime>1714036505</CreateTime><MsgType><![CDATA[text]]></MsgType>"
    b"<Content><![CDATA[hello]]></Content></xml>"
)


class Received(NamedTuple):
    """A request that the backend got."""

    target: str  #: path and query string
    headers: dict[str, str]  #: lower-case names
    body: bytes


Answer = tuple[int, bytes] | tuple[int, bytes, dict[str, str]]


class FakeBackend:
    """Holds the requests that arrived, and what `answer` returns for each."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.reset()

    def reset(self) -> None:
        self.received: list[Received] = []
        self.answer: Callable[[Received], Answer] = lambda _: (200, b"success")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/wechat"

    @property
    def host(self) -> str:
        """Return what RELAY_PRIVATE_HOSTS needs."""
        return f"127.0.0.1:{self.port}"

    def bodies(self) -> list[bytes]:
        return [request.body for request in self.received]


@contextmanager
def serving_backend(port: int = 0) -> Iterator[FakeBackend]:
    """Run a backend on loopback, at this port or a free one."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length") or 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            request = Received(self.path, headers, body)
            backend.received.append(request)
            status, answer, *more = backend.answer(request)
            self.send_response(status)
            for name, value in (more[0] if more else {}).items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: Any) -> None:
            pass

    class Server(http.server.ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

    server = Server(("127.0.0.1", port), Handler)
    backend = FakeBackend(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, args=[0.01])
    thread.start()
    try:
        yield backend
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def set_backend(
    account: OfficialAccount, url: str, on_failure: str = "resend", **fields: Any
) -> Backend:
    """Give the account a backend, without the checks of the form."""
    defaults = {"url": url, "on_failure": on_failure, "secret": Secret.of(WEBHOOK_SECRET)}
    backend, _is_new = Backend.objects.update_or_create(
        account=account, defaults={**defaults, **fields}
    )
    change_log.record(Action.BACKEND_SET, LI_WEI, account, url=url, on_failure=on_failure)
    return backend


def waiting() -> list[Delivery]:
    return list(Delivery.objects.filter(state=Delivery.State.WAITING).order_by("id"))
