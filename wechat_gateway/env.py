"""Reads settings from the environment. Every error is one sentence that names the variable."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

ENV_FILE = Path(__file__).resolve().parent.parent / ".env"
LOCAL_SWITCH = "WECHAT_GATEWAY_LOCAL"

# What a server cannot run without, and what to set it to.
REQUIRED = {
    "SECRET_KEY": "set it to 50 or more random characters",
    "TOKEN_ENCRYPTION_KEYS": "set it to a random string of 32 or more characters",
    "DATABASE_URL": "set it to postgres://user:password@host:5432/name",
    "ALLOWED_HOSTS": "set it to the host names of this server, separated by commas",
}
LOCAL_DEFAULTS = {"DATABASE_URL", "ALLOWED_HOSTS"}

# gunicorn stops, instead of starting the worker again, when a worker exits with this code.
WORKER_BOOT_ERROR = 3


def text(name: str, default: str = "") -> str:
    return os.environ.get(name, "").strip() or default


def words(name: str) -> list[str]:
    """The comma-separated parts of a variable, without blanks."""
    return [word.strip() for word in text(name).split(",") if word.strip()]


def flag(name: str) -> bool:
    value = text(name, "0").lower()
    if value not in {"1", "true", "yes", "on", "0", "false", "no", "off"}:
        raise ImproperlyConfigured(f"{name} must be 1 or 0.")
    return value in {"1", "true", "yes", "on"}


def integer(name: str, default: int, *, lowest: int, highest: int) -> int:
    value = text(name, str(default))
    if not (value.isascii() and value.isdigit() and lowest <= int(value[:9]) <= highest):
        raise ImproperlyConfigured(f"{name} must be a whole number from {lowest} to {highest}.")
    return int(value)


def choice(name: str, default: str, allowed: list[str]) -> str:
    value = text(name, default)
    if value not in allowed:
        raise ImproperlyConfigured(f"{name} must be one of {', '.join(allowed)}.")
    return value


def require() -> None:
    """Raise ImproperlyConfigured unless everything a running server needs is set."""
    needed = set(REQUIRED) - LOCAL_DEFAULTS if flag(LOCAL_SWITCH) else set(REQUIRED)
    for name, remedy in REQUIRED.items():
        if name in needed and not text(name):
            raise ImproperlyConfigured(
                f"{name} is not set: {remedy} (to try it on this machine, run script/server)."
            )


def load_file(path: Path = ENV_FILE) -> None:
    """Add NAME=value lines of a file that script/server made; the environment itself wins."""
    if not path.is_file():
        return
    for line in path.read_text().splitlines():
        name, separator, value = line.partition("=")
        if separator and not name.lstrip().startswith("#"):
            os.environ.setdefault(name.strip(), value.strip())


@contextmanager
def one_sentence_on_misconfiguration() -> Iterator[None]:
    """Exit with the sentence alone: a traceback hides it from whoever reads the log."""
    try:
        yield
    except ImproperlyConfigured as error:
        print(f"wechat_gateway cannot start: {error}", file=sys.stderr, flush=True)
        sys.exit(WORKER_BOOT_ERROR)
