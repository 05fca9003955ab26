"""The project as a deployment runs it: production settings, hashed static files, real gunicorn."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from verification.tests.checkout import KEY, PRODUCTION, Checkout
from verification.tests.gunicorn import Gunicorn, free_port, running_gunicorn

DEPLOYED = {
    "DJANGO_SETTINGS_MODULE": "wechat_gateway.settings",
    "WECHAT_GATEWAY_LOCAL": "0",
    "SECRET_KEY": KEY,
    "TOKEN_ENCRYPTION_KEYS": KEY,
    "ALLOWED_HOSTS": "127.0.0.1",
    "TRUSTED_PROXY_COUNT": "1",
    "WEB_CONCURRENCY": "1",
}


@contextmanager
def running_production(place: Path, arguments: str = "", **environment: str) -> Iterator[Gunicorn]:
    """Of a copy of the project, so that collectstatic leaves nothing behind in the checkout."""
    checkout = Checkout(place / "checkout")
    collected = checkout.manage("collectstatic", "--noinput", **PRODUCTION)
    assert collected.returncode == 0, collected.stderr
    port = free_port()
    # A deployment listens everywhere; a test only here.
    bound = {"GUNICORN_CMD_ARGS": f"--bind 127.0.0.1:{port} {arguments}"}
    variables = {**DEPLOYED, **bound, **environment}
    with running_gunicorn(
        place / "output", port=port, place=str(checkout.path), **variables
    ) as server:
        yield server
