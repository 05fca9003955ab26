"""Turns DATABASE_URL into Django's setting."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import dj_database_url

from verification.db.sessions import application_name
from wechat_gateway import env
from wechat_gateway.env import _

ENGINES = {"django.db.backends.postgresql", "django.db.backends.sqlite3"}


def database(url: str | Path, encryption_keys: Iterable[str]) -> dict[str, Any]:
    """Return the dictionary for Django's DATABASES. It is empty if the URL is malformed.

    A Path is the file of an SQLite database. In a URL, #, ? and % would mean something else.
    Sessions show the ids of the encryption keys, for rotate_encryption_keys.
    """
    config: dict[str, Any] = {}
    if isinstance(url, Path):
        config = {"ENGINE": "django.db.backends.sqlite3", "NAME": str(url)}
    else:
        with suppress(ValueError):  # its message may quote a part of the password
            config = {**dj_database_url.parse(url)}
    if config.get("ENGINE") not in ENGINES or not config["NAME"]:
        env.report(
            _(
                "DATABASE_URL must look like postgres://user:password@host:5432/name "
                "or sqlite:///file."
            )
        )
        return {}
    options = config.setdefault("OPTIONS", {})
    if config["ENGINE"] == "django.db.backends.sqlite3":
        # IMMEDIATE: a batch takes the write lock when it opens, as FOR UPDATE does on PostgreSQL.
        options.update(
            transaction_mode="IMMEDIATE",
            timeout=2,
            init_command="PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL",
        )
    elif config["ENGINE"] == "django.db.backends.postgresql":
        # libpq's shortest timeout is 2 s. callbacks/postgresql_store.py sets those of statements.
        options.update(connect_timeout=2, application_name=application_name(encryption_keys))
        # Detect a server that vanished without closing the connection in seconds instead of
        # TCP's two hours.
        options.update(tcp_user_timeout=3000, keepalives_idle=10, keepalives_interval=3)
        if "DYNO" in os.environ:
            options.setdefault("sslmode", "require")  # the URL may ask for more
    return config
