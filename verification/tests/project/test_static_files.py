"""Pages have their style sheets before collectstatic has run, and after an upgrade without it."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from verification.tests.fire.support.production import DEPLOYED
from verification.tests.support.checkout import PRODUCTION, Checkout
from verification.tests.support.gunicorn import Gunicorn, free_port, running_gunicorn
from wechat_gateway.static_files import CollectedOrOriginalStorage

HTTPS = b"Host: 127.0.0.1\r\nX-Forwarded-Proto: https\r\nConnection: close\r\n\r\n"


def get(server: Gunicorn, path: str) -> tuple[bytes, str]:
    """Return the status line with the headers, and the body."""
    head, _, body = server.send(f"GET {path} HTTP/1.1\r\n".encode() + HTTPS).partition(b"\r\n\r\n")
    return head, body.decode("utf-8", "replace")


def style_sheets(server: Gunicorn) -> list[str]:
    head, page = get(server, "/admin/login/")
    assert head.startswith(b"HTTP/1.1 200"), page
    links = re.findall(r'<link rel="stylesheet" href="([^"]+)"', page)
    assert len(links) > 2
    for link in links:
        assert get(server, link)[0].startswith(b"HTTP/1.1 200"), link
    return links


# Starts its own gunicorn four times, because the files change: 8 s.
@pytest.mark.process
def test_pages_have_style_sheets_with_and_without_collectstatic(
    transactional_db: None, tmp_path: Path
) -> None:
    checkout = Checkout(tmp_path / "checkout")
    site_css = checkout.path / "verification/static/verification/site.css"

    def is_hashed() -> bool:
        port = free_port()
        environment = {**DEPLOYED, "BIND": "127.0.0.1", "GUNICORN_CMD_ARGS": ""}
        output = tmp_path / "output"
        with running_gunicorn(output, port=port, place=str(checkout.path), **environment) as server:
            links = style_sheets(server)
        assert "Warning" not in output.read_text()
        return all(re.search(r"\.[0-9a-f]{12}\.css$", link) for link in links)

    def check() -> str:
        behind_a_proxy = {**PRODUCTION, "TRUSTED_PROXY_COUNT": "1"}
        return checkout.manage("check", "--deploy", **behind_a_proxy).stdout

    assert not is_hashed()
    assert checkout.manage("collectstatic", "--noinput").returncode == 0
    assert is_hashed()
    assert "no issues" in check()

    time.sleep(0.01)  # so that the file is newer than the collected ones
    site_css.write_text(site_css.read_text() + "/* changed by an upgrade */")
    (site_css.parent / "new.css").write_text("/* added by an upgrade */")
    assert not is_hashed()
    assert checkout.manage("collectstatic", "--noinput").returncode == 0
    assert is_hashed()


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"{",
        b"\xff\xfe",
        b"[]",
        b'{"version": "9"}',
        b'{"version": "1.1", "paths": null}',
        None,
    ],
)
def test_damaged_collected_files_are_not_used(
    tmp_path: Path, settings: Any, damage: bytes | None
) -> None:
    settings.STATIC_ROOT = tmp_path
    call_command("collectstatic", "--noinput", verbosity=0)
    assert CollectedOrOriginalStorage().is_current()
    if damage is None:
        next(tmp_path.glob("verification/site.*.css")).unlink()
    else:
        (tmp_path / "staticfiles.json").write_bytes(damage)
    storage = CollectedOrOriginalStorage()

    assert not storage.is_current()
    assert storage.url("verification/site.css") == "/static/verification/site.css"
