"""Follow docs/deploy.md to a server of one's own: set up, back up, restore, upgrade."""

from __future__ import annotations

import re
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import connection

from verification.tests.fire.support.run_length import LONG
from verification.tests.support.adapter import A
from verification.tests.support.documents import blocks_of, section_of
from verification.tests.support.own_server import OwnServer
from verification.tests.support.signer import verification

DEPLOY, DOMAIN = "docs/deploy.md", "wx.brand-a.example.cn"
DATABASES = ["wechat-gateway", "wechat-gateway-old"]

pytestmark = [
    pytest.mark.postgresql,
    pytest.mark.process,
    pytest.mark.skipif(
        not shutil.which("pg_dump"), reason="there is no pg_dump (apt install postgresql-client)"
    ),
]


def blocks(heading: str) -> list[str]:
    """Return the commands of a section, without those for containers and for Caddy."""
    return [
        block
        for block in blocks_of(section_of(DEPLOY, heading))
        if "docker " not in block and "caddy" not in block
    ]


@pytest.fixture
def server(transactional_db: None, tmp_path: Path) -> Iterator[OwnServer]:
    yield OwnServer(tmp_path, domain=DOMAIN, installs_packages=LONG)
    with connection.cursor() as cursor:
        for name in DATABASES:
            cursor.execute(f'DROP DATABASE IF EXISTS "{name}"')
        cursor.execute('DROP ROLE IF EXISTS "wechat-gateway"')


def ask(server: OwnServer, path: str) -> tuple[int, bytes]:
    """Return what the proxy gets for this path, as soon as the service listens."""
    headers = {"Host": DOMAIN, "X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https"}
    request = urllib.request.Request(f"http://127.0.0.1:{server.port}{path}", headers=headers)
    for _ in range(200):
        try:
            with urllib.request.urlopen(request, timeout=10) as response:
                return response.status, response.read()
        except urllib.error.HTTPError:
            raise
        except OSError:
            time.sleep(0.05)
    raise AssertionError((server.place / "output").read_text())


def manage(server: OwnServer, command: str) -> str:
    return server.run(f"sudo -u wechat-gateway .venv/bin/python manage.py {command}")


def test_the_commands_of_deploy_md_set_up_a_server_that_is_backed_up_restored_and_upgraded(
    server: OwnServer,
) -> None:
    callback = f"/wechat/brand-a?{verification(A)}"
    said = server.run(*blocks("Your own server"))

    assert 'Created the administrator "admin".' in said
    assert re.search(r"^DJANGO_SUPERUSER_PASSWORD=\w{24}$", said, re.MULTILINE)
    assert "DJANGO_SUPERUSER" not in server.env_file.read_text()
    assert "System check identified no issues" in said
    assert (
        f"server_name {DOMAIN};"
        in (server.place / "etc/nginx/sites-enabled/wechat-gateway").read_text()
    )

    with server.running("wechat-gateway.service"):
        assert ask(server, "/readyz") == (200, b"ready")
        page = ask(server, "/admin/login/")[1].decode()
        for path in re.findall(r'(?:href|src)="(/static/[^"]+)"', page):
            assert ask(server, path)[0] == 200
        manage(server, f"add_account brand-a --name 'Brand A' --token {A}")
        assert ask(server, callback)[0] == 200
        server.run(*blocks("Back up"))
        head = re.findall(r"--head: (\S+)", manage(server, "verify_audit"))[0]
        assert ask(server, callback)[0] == 200

    (dump,) = server.place.glob("var/backups/wechat-gateway/*.dump")
    restore = [
        block.replace("DATE", dump.stem).replace("SEAL:DIGEST", head) for block in blocks("Restore")
    ]
    assert "The log is intact: 1 attempt under" in server.run(*restore)  # the second one is lost

    server.run(*blocks("Upgrade"))
    with server.running("wechat-gateway.service"):
        assert ask(server, "/readyz") == (200, b"ready")
    assert (
        "systemctl restart wechat-gateway wechat-gateway-worker"
        in (server.place / "noted").read_text()
    )
