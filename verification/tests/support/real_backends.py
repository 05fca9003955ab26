"""Run the backends of docs/backend.md that are written with the usual libraries for WeChat."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from verification.tests.support.backend_process import running_backend
from verification.tests.support.documents import code_of
from verification.tests.support.messages import AES_KEY, APP_ID
from verification.tests.support.node import node_modules

TOKEN = "TokenOfBrandA1234"
SETTINGS = {"TOKEN": TOKEN, "AES_KEY": AES_KEY, "APP_ID": APP_ID}


@contextmanager
def wechatpy_backend(place: Path, port: int) -> Iterator[str]:
    (code,) = code_of("docs/backend.md", "wechatpy")
    (place / "backend.py").write_text(code)
    command = f"exec {sys.executable} -m flask --app backend run --port $PORT"
    with running_backend(command, place, port, **SETTINGS) as url:
        yield f"{url}/wechat"


@contextmanager
def node_backend(place: Path, port: int) -> Iterator[str]:
    (code,) = code_of("docs/backend.md", "wechat for Node.js")
    (place / "backend.js").write_text(code)
    (place / "node_modules").symlink_to(node_modules())
    with running_backend("exec node backend.js", place, port, **SETTINGS) as url:
        yield f"{url}/wechat"


def stored_by_wechatpy(place: Path) -> dict[str, bytes]:
    """Return the messages that the backend has stored, by their MsgId."""
    with closing(sqlite3.connect(place / "messages.db")) as database:
        return dict(database.execute("SELECT id, body FROM message"))
