"""Runs the project as a deployment does: production settings, hashed static files, gunicorn."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.utils import timezone

from verification.tests.support.checkout import KEY, PRODUCTION, Checkout
from verification.tests.support.gunicorn import Gunicorn, free_port, running_gunicorn

DEPLOYED = {
    "DJANGO_SETTINGS_MODULE": "wechat_gateway.settings",
    "WECHAT_GATEWAY_LOCAL": "0",
    "SECRET_KEY": KEY,
    "TOKEN_ENCRYPTION_KEYS": KEY,
    "ALLOWED_HOSTS": "127.0.0.1",
    "TRUSTED_PROXY_COUNT": "1",
    "HSTS_SECONDS": "31536000",
    "WEB_CONCURRENCY": "1",
}


@contextmanager
def running_production(
    directory: Path,
    arguments: str = "",
    *,
    prepare: Callable[[Checkout], None] = lambda _: None,
    **environment: str,
) -> Iterator[Gunicorn]:
    """Run gunicorn in a copy of the project, so that collectstatic does not write to the checkout.

    `arguments` are added to gunicorn's; `prepare` may change the copy first.
    """
    checkout = Checkout(directory / "checkout")
    prepare(checkout)
    collected = checkout.manage("collectstatic", "--noinput", **PRODUCTION)
    assert collected.returncode == 0, collected.stderr
    port = free_port()
    # A deployment listens on all interfaces; a test must not.
    bind = {"GUNICORN_CMD_ARGS": f"--bind 127.0.0.1:{port} {arguments}"}
    variables = {**DEPLOYED, **bind, **environment}
    with running_gunicorn(
        directory / "output", port=port, place=str(checkout.path), **variables
    ) as server:
        yield server


def self_signed_certificate(directory: Path) -> str:
    """Write a certificate for 127.0.0.1, valid for a day; return gunicorn's arguments for it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    host = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(timezone.now())
        .not_valid_after(timezone.now() + timedelta(days=1))
        .add_extension(host, critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    (directory / "key.pem").write_bytes(key.private_bytes(pem, *plain))
    (directory / "certificate.pem").write_bytes(certificate.public_bytes(pem))
    return f"--keyfile {directory / 'key.pem'} --certfile {directory / 'certificate.pem'}"
