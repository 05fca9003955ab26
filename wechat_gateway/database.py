"""What DATABASE_URL means to Django."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Any

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

ENGINES = {"django.db.backends.postgresql", "django.db.backends.sqlite3"}


def database(url: str) -> dict[str, Any]:
    """Django's dictionary for a DATABASE_URL, whose value (it holds a password) is never shown."""
    config: dict[str, Any] = {}
    with suppress(ValueError):  # which may quote a part of the password
        config = {**dj_database_url.parse(url)}
    if config.get("ENGINE") not in ENGINES or not config["NAME"]:
        raise ImproperlyConfigured(
            "DATABASE_URL must look like postgres://user:password@host:5432/name or sqlite:///file."
        )
    options = config.setdefault("OPTIONS", {})
    if config["ENGINE"] == "django.db.backends.sqlite3":
        # IMMEDIATE: a batch takes the write lock when it opens, as FOR UPDATE does on PostgreSQL.
        options.update(
            transaction_mode="IMMEDIATE",
            timeout=2,
            init_command="PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL",
        )
    elif config["ENGINE"] == "django.db.backends.postgresql":
        # 2 s is libpq's least; those of statements are the writer's own, in postgresql_ledger.py.
        options.update(connect_timeout=2, application_name="wechat_gateway")
        # A peer that vanished without a word is noticed in seconds, not in TCP's two hours.
        options.update(tcp_user_timeout=3000, keepalives_idle=10, keepalives_interval=3)
        if "DYNO" in os.environ:
            options.setdefault("sslmode", "require")  # the URL may ask for more
    return config
