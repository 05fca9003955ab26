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
    is_number = value.isascii() and value.isdigit() and len(value) <= 9
    if not (is_number and lowest <= int(value) <= highest):
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
        if name in needed and not words(name):
            raise ImproperlyConfigured(
                f"{name} is not set: {remedy} (to try it on this machine, run script/server)."
            )


def load_file(path: Path = ENV_FILE) -> None:
    """Add NAME=value lines of a file such as script/server makes; of two for a name the last.

    The environment itself wins.
    """
    if not path.is_file():
        return
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, ValueError) as error:
        raise ImproperlyConfigured(f"{path.name} must be readable, and in UTF-8.") from error
    settings: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        if line.strip() and not line.strip().startswith("#"):
            settings |= read_setting(line, f"{path.name}, line {number},")
    for name, value in settings.items():
        os.environ.setdefault(name, value)


def read_setting(line: str, place: str) -> dict[str, str]:
    name, separator, value = line.strip().removeprefix("export ").partition("=")
    if not (separator and name.strip()) or "\0" in line:
        raise ImproperlyConfigured(f"{place} must look like NAME=value.")
    return {name.strip(): without_quotes(value.strip())}


def without_quotes(value: str) -> str:
    is_quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
    return value[1:-1] if is_quoted else value


@contextmanager
def one_sentence_on_misconfiguration() -> Iterator[None]:
    """Exit with the sentence alone: a traceback hides it from whoever reads the log."""
    try:
        yield
    except ImproperlyConfigured as error:
        print(f"wechat_gateway cannot start: {error}", file=sys.stderr, flush=True)
        sys.exit(WORKER_BOOT_ERROR)
