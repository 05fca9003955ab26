"""Run deploy/Caddyfile with the system's Caddy."""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import subprocess
import time
from pathlib import Path

import pytest
from django.conf import settings

from verification.tests.support.gunicorn import free_port
from verification.tests.support.nginx import DOMAIN, make_certificate

CADDY = shutil.which("caddy")
SITE = Path(settings.BASE_DIR) / "deploy/Caddyfile"


@pytest.mark.process
@pytest.mark.skipif(CADDY is None, reason="there is no Caddy (apt install caddy)")
def test_no_log_of_caddy_has_a_query_string_even_while_the_gateway_is_away(tmp_path: Path) -> None:
    assert CADDY is not None
    make_certificate(tmp_path)
    port, site = free_port(), SITE.read_text()
    options = f"http_port {free_port()}\nhttps_port {port}\ndefault_bind 127.0.0.1\nadmin off\n"
    site = site.replace("{\n", f"{{\n{options}", 1)
    certificate = f"tls {tmp_path}/fullchain.pem {tmp_path}/privkey.pem\n"
    site = site.replace("request_body", f"{certificate}request_body")
    (tmp_path / "Caddyfile").write_text(site)
    environment = {**os.environ, "HOME": str(tmp_path), "DOMAIN": DOMAIN}
    environment["UPSTREAM"] = f"127.0.0.1:{free_port()}"
    with (tmp_path / "log").open("wb") as log:
        caddy = subprocess.Popen(
            [CADDY, "run", "--config", tmp_path / "Caddyfile", "--adapter", "caddyfile"],
            env=environment,
            stdout=log,
            stderr=log,
        )
    try:
        answer = ask(port, tmp_path / "ca.pem")
    finally:
        caddy.terminate()
        caddy.wait(timeout=20)
    text = (tmp_path / "log").read_text()

    assert b" 502 " in answer, text
    assert text.count('"uri":"/wechat/brand-a"') == 2  # the error and the request
    assert "4711" not in text


def ask(port: int, ca: Path) -> bytes:
    tls = ssl.create_default_context(cafile=str(ca))
    for _ in range(100):
        try:
            with (
                socket.create_connection(("127.0.0.1", port), timeout=10) as wire,
                tls.wrap_socket(wire, server_hostname=DOMAIN) as secured,
            ):
                secured.sendall(
                    f"GET /wechat/brand-a?signature=4711 HTTP/1.0\r\nHost: {DOMAIN}\r\n"
                    "Referer: ?4711\r\n\r\n".encode()
                )
                return b"".join(iter(lambda: secured.recv(65536), b""))
        except ConnectionRefusedError:
            time.sleep(0.05)
    raise AssertionError("Caddy does not listen")
