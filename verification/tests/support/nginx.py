"""Run nginx with deploy/nginx.conf, on free ports and with a certificate of a made-up CA."""

from __future__ import annotations

import datetime
import re
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPSConnection
from pathlib import Path
from urllib.parse import urlencode

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.conf import settings

from verification.tests.support.gunicorn import free_port

NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/bin:/opt/homebrew/bin")
DOMAIN = "wx.example.cn"
SITE = Path(settings.BASE_DIR) / "deploy/nginx.conf"
#: What Debian's /etc/nginx/nginx.conf has around a site, with nothing outside the folder.
AROUND = """
{user}pid nginx.pid;
error_log main.log;
events {{}}
http {{
    client_body_temp_path body; proxy_temp_path proxy;
    fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
    include site.conf;
}}
"""


class Nginx:
    def __init__(self, place: Path, upstream: int) -> None:
        self.place, self.upstream = place, upstream
        self.http, self.https = free_port(), free_port()
        make_certificate(place)
        self.tls = ssl.create_default_context(cafile=place / "ca.pem")

    def write_configuration(self) -> None:
        site = SITE.read_text()
        for pattern, replacement in {
            r" *listen \[::\].*\n": "",
            r"listen 80;": f"listen 127.0.0.1:{self.http};",
            r"listen 443 ssl": f"listen 127.0.0.1:{self.https} ssl",
            r"127\.0\.0\.1:8000": f"127.0.0.1:{self.upstream}",
            r"/etc/letsencrypt/live/wx\.example\.cn": str(self.place),
            r"/var/(log/nginx|www/html)": str(self.place),
            r"client_header_timeout 10s": "client_header_timeout 1s",  # tests cannot wait
        }.items():
            site, count = re.subn(pattern, replacement, site)
            assert count, pattern
        (self.place / "site.conf").write_text(site)
        # As root, nginx would switch to a user who cannot read the folder.
        user = "user root;\n" if Path("/proc/self").owner() == "root" else ""
        (self.place / "nginx.conf").write_text(AROUND.format(user=user))

    def send(self, raw: bytes) -> bytes:
        """Send raw bytes over TLS, and return everything until nginx closes the connection."""
        with self.connect() as wire:
            wire.sendall(raw)
            return b"".join(iter(lambda: wire.recv(65536), b""))

    def connect(self) -> ssl.SSLSocket:
        wire = socket.create_connection(("127.0.0.1", self.https), timeout=20)
        return self.tls.wrap_socket(wire, server_hostname=DOMAIN)

    def send_unencrypted(self, raw: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", self.http), timeout=20) as wire:
            wire.sendall(raw)
            return b"".join(iter(lambda: wire.recv(65536), b""))

    def log(self) -> str:
        """Return everything that nginx has written to its logs."""
        return "".join(path.read_text() for path in sorted(self.place.glob("*.log")))

    def wait_until_it_listens(self, process: subprocess.Popen[bytes]) -> None:
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", self.https), timeout=1).close()
                return
            except OSError:
                assert process.poll() is None, (self.place / "output").read_text()
                time.sleep(0.02)
        raise AssertionError("nginx does not listen")


class Browser(HTTPSConnection):
    """Asks nginx for pages of DOMAIN, and keeps cookies."""

    def __init__(self, nginx: Nginx) -> None:
        super().__init__(DOMAIN)
        self.nginx, self.cookies = nginx, dict[str, str]()

    def connect(self) -> None:
        self.sock = self.nginx.connect()

    def open(self, path: str, form: dict[str, str] | None = None) -> tuple[int, str, str]:
        """Return status, Location and body of a GET, or of a POST with the form's token."""
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        if form is not None:
            headers |= {
                "Content-Type": "application/x-www-form-urlencoded",
                "Origin": f"https://{DOMAIN}",
            }
        method, body = ("GET", None) if form is None else ("POST", urlencode(form))
        self.request(method, path, body, headers)
        response = self.getresponse()
        for cookie in response.headers.get_all("Set-Cookie", []):
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies[name] = value
        page = response.read().decode()
        self.close()
        return response.status, response.headers.get("Location", ""), page


@contextmanager
def running_nginx(place: Path, *, upstream: int) -> Iterator[Nginx]:
    assert NGINX is not None
    place.mkdir()
    nginx = Nginx(place, upstream)
    nginx.write_configuration()
    with (place / "output").open("wb") as output:
        process = subprocess.Popen(
            [NGINX, "-p", str(place), "-c", "nginx.conf", "-g", "daemon off;"],
            stdout=output,
            stderr=output,
        )
        try:
            nginx.wait_until_it_listens(process)
            yield nginx
        finally:
            process.terminate()
            process.wait(timeout=20)


def make_certificate(place: Path) -> None:
    """Write ca.pem, and a certificate of this CA for DOMAIN under the names that certbot uses."""
    ca_key, key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    ca_name, name = (
        x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)]) for text in ("CA", DOMAIN)
    )
    now = datetime.datetime.now(datetime.UTC)
    unsigned = [
        x509.CertificateBuilder(issuer_name=ca_name)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .serial_number(x509.random_serial_number())
        .subject_name(subject)
        .public_key(public.public_key())
        for subject, public in ((ca_name, ca_key), (name, key))
    ]
    is_ca = x509.BasicConstraints(ca=True, path_length=0)
    names = x509.SubjectAlternativeName([x509.DNSName(DOMAIN)])
    ca = unsigned[0].add_extension(is_ca, critical=True).sign(ca_key, hashes.SHA256())
    certificate = unsigned[1].add_extension(names, critical=False).sign(ca_key, hashes.SHA256())
    pem = serialization.Encoding.PEM
    (place / "ca.pem").write_bytes(ca.public_bytes(pem))
    (place / "fullchain.pem").write_bytes(certificate.public_bytes(pem))
    (place / "privkey.pem").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
