from __future__ import annotations

import signal
import socket
import time
from pathlib import Path

import pytest

from verification.models import OfficialAccount, Tally
from verification.tests.support.adapter import A
from verification.tests.support.gunicorn import running_gunicorn
from verification.tests.support.signer import push

pytestmark = [pytest.mark.django_db(transaction=True)]


def test_a_stopping_server_answers_a_client_that_is_still_sending(
    brand_a: OfficialAccount, tmp_path: Path
) -> None:
    head = f"POST /wechat/brand-a?{push(A)} HTTP/1.0\r\nContent-Length: 11\r\n\r\n"
    with running_gunicorn(tmp_path / "output", WEB_CONCURRENCY="1") as server:
        server.send(b"GET /healthz HTTP/1.0\r\n\r\n")  # The worker has started.
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as wire:
            wire.sendall(head.encode())
            time.sleep(0.2)  # The worker waits up to a second for the body.
            server.process.send_signal(signal.SIGTERM)
            time.sleep(0.2)
            wire.sendall(b"<xml></xml>")
            answer = b"".join(iter(lambda: wire.recv(4096), b""))

    assert answer.endswith(b"success")
    assert Tally.objects.get().count == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_server_stops_with_its_last_line_and_no_error(
    tmp_path: Path, number: signal.Signals
) -> None:
    with running_gunicorn(tmp_path / "output", WEB_CONCURRENCY="1") as server:
        server.send(b"GET /healthz HTTP/1.0\r\n\r\n")  # The worker has started.
        server.process.send_signal(number)
        assert server.process.wait(timeout=10) == 0
        text = "\n".join(server.lines())

    assert "Finished server process" in text  # the last line of the worker
    assert "Error" not in text
