"""Reads settings from the environment.

Every function raises ImproperlyConfigured with one sentence that names the variable and never
shows its value, which may be a secret.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

ENV_FILE = Path(__file__).resolve().parent.parent / ".env"
LOCAL_SWITCH = "WECHAT_GATEWAY_LOCAL"

# The variables that a server cannot run without, and what to set each of them to.
REQUIRED = {
    "SECRET_KEY": "set it to 50 or more random characters",
    "TOKEN_ENCRYPTION_KEYS": "set it to a random string of 32 or more characters",
    "DATABASE_URL": "set it to postgres://user:password@host:5432/name",
    "ALLOWED_HOSTS": "set it to the host names of this server, separated by commas",
}
LOCAL_DEFAULTS = {"DATABASE_URL", "ALLOWED_HOSTS"}

# A worker that exits with this code makes gunicorn stop instead of starting the worker again.
WORKER_BOOT_ERROR = 3


def text(name: str, default: str = "") -> str:
    """Return the variable without the blanks around it; an empty variable counts as not set."""
    return os.environ.get(name, "").strip() or default


def comma_separated(name: str) -> list[str]:
    """Return the parts of the variable that are not blank."""
    return [part.strip() for part in text(name).split(",") if part.strip()]


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
    """Raise ImproperlyConfigured unless every variable that a running server needs is set."""
    needed = set(REQUIRED) - LOCAL_DEFAULTS if flag(LOCAL_SWITCH) else set(REQUIRED)
    for name, remedy in REQUIRED.items():
        if name in needed and not comma_separated(name):
            raise ImproperlyConfigured(
                f"{name} is not set: {remedy} (to try it on this machine, run script/server)."
            )


def load_file(path: Path = ENV_FILE) -> None:
    """Add the NAME=value lines of a file, such as the one script/server writes, to the environment.

    A variable that is set already keeps its value. If a name has two lines, the last one counts.
    """
    if not path.is_file():
        return
    try:
        lines = path.read_text("utf-8-sig").splitlines()
    except (OSError, ValueError) as error:
        raise ImproperlyConfigured(f"{path.name} must be a readable file in UTF-8.") from error
    settings: dict[str, str] = {}
    for number, line in enumerate(lines, start=1):
        if line.strip() and not line.strip().startswith("#"):
            name, value = parse_line(line, f"{path.name}, line {number},")
            settings[name] = value
    for name, value in settings.items():
        os.environ.setdefault(name, value)


def parse_line(line: str, place: str) -> tuple[str, str]:
    """Return name and value of a line; `place` begins the message if it is malformed."""
    name, separator, value = line.strip().removeprefix("export ").partition("=")
    if not (separator and name.strip()) or "\0" in line:
        raise ImproperlyConfigured(f"{place} must look like NAME=value.")
    value = value.strip()
    is_quoted = len(value) > 1 and value[0] == value[-1] and value[0] in "'\""
    return name.strip(), value[1:-1] if is_quoted else value


@contextmanager
def exit_if_misconfigured() -> Iterator[None]:
    """Print the sentence of ImproperlyConfigured and exit, without a traceback that hides it."""
    try:
        yield
    except ImproperlyConfigured as error:
        print(f"wechat_gateway cannot start: {error}", file=sys.stderr, flush=True)
        sys.exit(WORKER_BOOT_ERROR)
