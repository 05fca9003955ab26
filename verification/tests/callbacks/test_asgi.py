from __future__ import annotations

import http.client
import json
import socket
import time

import pytest

from verification.models import OfficialAccount, VerificationAttempt
from verification.protocol.enums import Mark
from verification.tests.callbacks.contract import CallbackContract
from verification.tests.support.adapter import A, Answer, last_attempt
from verification.tests.support.gunicorn import Gunicorn
from verification.tests.support.signer import push, signed, verification


class TestGunicorn(CallbackContract):
    """The ASGI adapter, tested through a running gunicorn with two workers."""

    @pytest.fixture(autouse=True)
    def _server(self, gunicorn: Gunicorn) -> None:
        self.server, self.first = gunicorn, len(gunicorn.output.read_text().splitlines())

    def send(
        self, method: str, target: str, headers: dict[str, str] | None = None, body: bytes = b""
    ) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=10)
        connection.request(method, target, body or None, headers or {})
        response = connection.getresponse()
        lower = {name.lower(): value for name, value in response.getheaders()}
        answer = Answer(response.status, lower, response.read())
        connection.close()
        return answer

    def printed(self) -> str:
        """Return what this test has printed: others share the server, and may print anything."""
        return "\n".join(self.server.lines()[self.first :])


class TestTheWire:
    """Requests that need a real socket."""

    def test_wechat_itself_speaks_http_1_0(
        self, brand_a: OfficialAccount, gunicorn: Gunicorn
    ) -> None:
        target = f"/wechat/brand-a?{verification(A)}"
        answer = gunicorn.send(
            f"GET {target} HTTP/1.0\r\nHost: wx.example.cn\r\n"
            "User-Agent: Mozilla/4.0\r\n\r\n".encode()
        )
        head, _, body = answer.partition(b"\r\n\r\n")

        assert b"200 OK" in head.splitlines()[0]
        assert b"chunked" not in head
        assert body == b"4375120948345356249"
        assert Mark.HTTP_1_0 in Mark(last_attempt().marks)

    def test_http_1_0_needs_no_host(self, brand_a: OfficialAccount, gunicorn: Gunicorn) -> None:
        answer = gunicorn.send(f"GET /wechat/brand-a?{verification(A)} HTTP/1.0\r\n\r\n".encode())

        assert answer.endswith(b"\r\n\r\n4375120948345356249")
        assert last_attempt().host == ""

    def test_an_absolute_form_request_line_is_understood(
        self, brand_a: OfficialAccount, gunicorn: Gunicorn
    ) -> None:
        target = f"http://evil.example/wechat/brand-a?{verification(A)}"
        answer = gunicorn.send(f"GET {target} HTTP/1.0\r\nHost: a\r\n\r\n".encode())

        assert answer.endswith(b"4375120948345356249")

    def test_a_push_whose_body_comes_late_still_gets_its_answer(
        self, brand_a: OfficialAccount, gunicorn: Gunicorn
    ) -> None:
        head = f"POST /wechat/brand-a?{push(A)} HTTP/1.0\r\nContent-Length: 10\r\n\r\n"
        with socket.create_connection(("127.0.0.1", gunicorn.port), timeout=10) as wire:
            wire.sendall(head.encode())
            time.sleep(0.2)
            wire.sendall(b"<xml></xml>"[:10])
            answer = b"".join(iter(lambda: wire.recv(4096), b""))

        assert answer.endswith(b"success")

    def test_a_push_whose_body_never_comes_is_answered(
        self, brand_a: OfficialAccount, gunicorn: Gunicorn
    ) -> None:
        head = f"POST /wechat/brand-a?{push(A)} HTTP/1.0\r\nContent-Length: 10\r\n\r\n"

        assert gunicorn.send(head.encode()).endswith(b"success")

    def test_a_client_that_closes_its_half_gets_its_answer(
        self, brand_a: OfficialAccount, gunicorn: Gunicorn
    ) -> None:
        with socket.create_connection(("127.0.0.1", gunicorn.port), timeout=10) as wire:
            wire.sendall(f"GET /wechat/brand-a?{verification(A)} HTTP/1.0\r\n\r\n".encode())
            wire.shutdown(socket.SHUT_WR)
            answer = b"".join(iter(lambda: wire.recv(65536), b""))

        assert answer.endswith(b"\r\n\r\n4375120948345356249")

    @pytest.mark.parametrize("framing", ["Content-Length: 2000000", "Transfer-Encoding: chunked"])
    def test_no_page_takes_a_large_upload(self, gunicorn: Gunicorn, framing: str) -> None:
        body = b"1e8480\r\n" * ("chunked" in framing) + b"x" * 2_000_000
        head = f"POST /admin/login/ HTTP/1.1\r\nHost: localhost\r\n{framing}\r\n\r\n"
        with socket.create_connection(("127.0.0.1", gunicorn.port), timeout=10) as wire:
            wire.sendall(head.encode() + body)

            assert wire.recv(65536).startswith(b"HTTP/1.1 413 ")

    def test_thousands_of_headers_are_read_quickly(
        self, brand_a: OfficialAccount, gunicorn: Gunicorn
    ) -> None:
        started = time.perf_counter()
        many = "X-Forwarded-For: 6\r\n" * 3_000
        answer = gunicorn.send(f"GET /healthz HTTP/1.0\r\n{many}\r\n".encode())

        assert answer.startswith(b"HTTP/1.1 200 ")

        assert time.perf_counter() - started < 2

    def test_two_forwarded_for_headers_are_read_as_one(
        self, brand_a: OfficialAccount, gunicorn: Gunicorn
    ) -> None:
        target = f"/wechat/brand-a?{verification(A)}"
        two = "X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 81.69.103.129\r\n"
        gunicorn.send(f"GET {target} HTTP/1.0\r\n{two}\r\n".encode())

        assert last_attempt().client_ip == "127.0.0.1"  # No proxy is trusted here.

    @pytest.mark.parametrize(
        "raw",
        [
            b"GET /wechat/\xff\xfe?signature=\xff HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
            b"GET /wechat/a\x00b HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
            b"GET /wechat/brand-a HTTP/1.1\r\nHost: a\r\nHost: b\r\nConnection: close\r\n\r\n",
            b"GET /wechat/a HTTP/1.0\r\nUser-Agent: \xff\xfe\r\n\r\n",
            b"BREW /wechat/brand-a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
            b"CONNECT evil.example:443 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
            b"GET * HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
            b"nonsense\r\n\r\n",
        ],
    )
    def test_no_malformed_request_gives_a_server_error(
        self, brand_a: OfficialAccount, gunicorn: Gunicorn, raw: bytes
    ) -> None:
        status = int(gunicorn.send(raw).split(b" ", 2)[1])

        assert 400 <= status < 500

    def test_a_forged_forwarded_for_is_ignored(
        self, brand_a: OfficialAccount, gunicorn: Gunicorn
    ) -> None:
        gunicorn.send(
            f"GET /wechat/brand-a?{verification(A)} HTTP/1.0\r\n"
            "X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Proto: https\r\n\r\n".encode()
        )

        assert (last_attempt().client_ip, last_attempt().scheme) == ("127.0.0.1", "http")

    def test_each_answer_has_one_json_line_without_secrets(
        self, brand_a: OfficialAccount, gunicorn: Gunicorn
    ) -> None:
        before = len(gunicorn.lines())
        for query in (verification(A), verification(A, nonce="424242424242")):
            gunicorn.send(f"GET /wechat/brand-a?{query} HTTP/1.0\r\n\r\n".encode())
        lines = gunicorn.lines()[before:]
        records = [json.loads(line) for line in lines]

        ids = VerificationAttempt.objects.order_by("id").values_list("id", flat=True)
        assert sorted(record["id"] for record in records) == list(ids)  # two workers wrote them
        text = "\n".join(lines)
        for secret in (A, signed(A)["signature"], "4375120948345356249", "424242424242", "?"):
            assert secret not in text

    def test_health_needs_no_database_and_no_known_host(self, gunicorn: Gunicorn) -> None:
        answer = gunicorn.send(b"GET /healthz HTTP/1.0\r\nHost: 10.0.0.1\r\n\r\n")

        assert answer.endswith(b"\r\n\r\nok")

    @pytest.mark.parametrize("host", ["localhost", "10.0.0.1:8000", "no host at all", ""])
    def test_ready_when_attempts_can_be_recorded_whatever_host_a_probe_sends(
        self, gunicorn: Gunicorn, host: str
    ) -> None:
        answer = gunicorn.send(f"GET /readyz HTTP/1.0\r\nHost: {host}\r\n\r\n".encode())

        assert answer.endswith(b"\r\n\r\nready")

    def test_many_probes_get_the_same_answer_from_the_cache(self, gunicorn: Gunicorn) -> None:
        probes = [gunicorn.send(b"GET /readyz HTTP/1.0\r\n\r\n") for _ in range(20)]
        posted = gunicorn.send(b"POST /readyz HTTP/1.0\r\nContent-Length: 0\r\n\r\n")

        assert {probe.rpartition(b"\r\n")[2] for probe in probes} == {b"ready"}
        assert all(b"cache-control: no-store" in probe.lower() for probe in probes)
        # Django adds this header. Of two workers, each lets Django answer once a second.
        assert sum(b"\r\nexpires:" in probe.lower() for probe in probes) < 10
        assert b"\r\nallow: get, head" in posted.lower()
