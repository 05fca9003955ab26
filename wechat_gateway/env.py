"""Reads settings from the environment.

A missing or malformed variable does not raise an error at once. It is reported, and
raise_problems() raises all of them together. Each is a sentence that names the variable and never
shows its value, which may be a secret.
"""

from __future__ import annotations

import gettext
import os
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import to_locale

ROOT = Path(__file__).resolve().parent.parent
ENV_FILE = ROOT / ".env"
LOCAL_SWITCH = "WECHAT_GATEWAY_LOCAL"


def _(sentence: str) -> str:
    """Mark a sentence for the catalogue. raise_problems() translates it."""
    return sentence


# The variables that a server cannot run without.
REQUIRED = {
    "SECRET_KEY": _("SECRET_KEY is not set: set it to 50 or more random characters."),
    "TOKEN_ENCRYPTION_KEYS": _(
        "TOKEN_ENCRYPTION_KEYS is not set: set it to a random string of 32 or more characters."
    ),
    "DATABASE_URL": _(
        "DATABASE_URL is not set: set it to postgres://user:password@host:5432/name."
    ),
    "ALLOWED_HOSTS": _(
        "ALLOWED_HOSTS is not set: set it to the host names of this server, separated by commas."
    ),
}
LOCAL_DEFAULTS = {"DATABASE_URL", "ALLOWED_HOSTS"}

#: Each of them may be given as NAME_FILE, the path of a file that holds the value.
SECRETS = [
    *("SECRET_KEY", "SECRET_KEY_FALLBACKS", "TOKEN_ENCRYPTION_KEYS", "DATABASE_URL", "EMAIL_URL"),
    *("ALERT_WECOM_WEBHOOK", "METRICS_KEY", "DJANGO_SUPERUSER_PASSWORD"),
]

TRUE, FALSE = {"1", "true", "yes", "on"}, {"0", "false", "no", "off"}

# A worker that exits with this code makes gunicorn stop instead of starting the worker again.
WORKER_BOOT_ERROR = 3

MAX_SECRET_BYTES = 64 * 1024

_problems: list[tuple[str, dict[str, Any]]] = []
#: The secrets whose file is of no use. They are reported once, not as missing as well.
_unusable: set[str] = set()


# --- Problems


def report(sentence: str, **values: Any) -> None:
    """Keep a sentence, such as ``_("%(name)s must be 1 or 0.")``, for raise_problems()."""
    _problems.append((sentence, values))


def raise_problems() -> None:
    """Raise ImproperlyConfigured with everything that was reported, a line for each problem."""
    if not _problems:
        return
    sentences = [translate(sentence) % values for sentence, values in _problems]
    _problems.clear()
    raise ImproperlyConfigured("\n".join(dict.fromkeys(sentences)))


def use_catalogue() -> None:
    """Let the standard library's gettext read the project's catalogue, as LANGUAGE_CODE says.

    argparse translates its own words with it, whatever the language of the terminal is.
    """
    gettext.bindtextdomain("django", ROOT / "verification" / "locale")
    gettext.textdomain("django")
    os.environ["LANGUAGE"] = to_locale(text("LANGUAGE_CODE", "en"))


def translate(sentence: str) -> str:
    """Translate a sentence. Django's gettext cannot do it before it has the settings."""
    use_catalogue()
    return gettext.gettext(sentence)


@contextmanager
def exit_if_misconfigured() -> Iterator[None]:
    """Print what ImproperlyConfigured says and exit, without a traceback that hides it."""
    try:
        yield
    except ImproperlyConfigured as error:
        problems = str(error).splitlines()
        start = translate(_("wechat_gateway cannot start:"))
        lines = [f"{start} {problems[0]}"] if len(problems) == 1 else [start, *problems]
        print("\n- ".join(lines), file=sys.stderr, flush=True)
        sys.exit(WORKER_BOOT_ERROR)


# --- Values


def text(name: str, default: str = "") -> str:
    """Return the variable without the blanks around it.

    A variable that is empty, or holds only blanks and commas, counts as not set.
    """
    value = os.environ.get(name, "").strip()
    return value if value.strip(" ,") else default


def comma_separated(name: str) -> list[str]:
    """Return the parts of the variable that are not blank."""
    return [part.strip() for part in text(name).split(",") if part.strip()]


def flag(name: str) -> bool:
    value = text(name, "0").lower()
    if value not in TRUE | FALSE:
        report(_("%(name)s must be 1 or 0."), name=name)
    return value in TRUE


def integer(name: str, default: int, *, lowest: int, highest: int) -> int:
    value = text(name, str(default))
    is_number = value.isascii() and value.isdigit() and len(value) <= 9
    if is_number and lowest <= int(value) <= highest:
        return int(value)
    report(
        _("%(name)s must be a whole number from %(lowest)d to %(highest)d."),
        name=name,
        lowest=lowest,
        highest=highest,
    )
    return default


def choice(name: str, default: str, allowed: list[str]) -> str:
    value = text(name, default)
    if value in allowed:
        return value
    report(_("%(name)s must be one of %(allowed)s."), name=name, allowed=", ".join(allowed))
    return default


def require() -> None:
    """Report every variable that a running server needs and that is not set."""
    is_local = text(LOCAL_SWITCH).lower() in TRUE
    needed = set(REQUIRED) - LOCAL_DEFAULTS if is_local else set(REQUIRED)
    needed -= _unusable
    missing = [name for name in REQUIRED if name in needed and not comma_separated(name)]
    for name in missing:
        report(REQUIRED[name])
    if len(missing) == len(REQUIRED):
        report(_("To try wechat_gateway on your own machine, run script/server."))


# --- Files


def load(path: Path = ENV_FILE) -> None:
    """Complete the environment with the lines of .env and with the secrets that NAME_FILE names."""
    variables = parse_file(path)
    report_pairs(variables)
    for name, value in variables.items():
        # A variable in the environment overrides the file, in whichever of the two forms.
        if not (text(name) or text(f"{name}_FILE") or text(name.removesuffix("_FILE"))):
            os.environ[name] = value
    report_pairs(os.environ)
    for name in SECRETS:
        # Removed, so that a process that inherits this environment does not load the file again.
        secret_file = os.environ.pop(f"{name}_FILE", "").strip()
        if secret_file and not text(name):
            os.environ[name] = read_secret(name, secret_file)


def report_pairs(variables: Mapping[str, str]) -> None:
    """Report each secret that is given in both forms."""
    for name in SECRETS:
        if variables.get(name, "").strip() and variables.get(f"{name}_FILE", "").strip():
            report(_("%(name)s and %(name)s_FILE must not both be set."), name=name)


def read_secret(name: str, path: str) -> str:
    """Return the one line that the file holds, or an empty string if it is of no use."""
    try:
        file = Path(path)
        is_small = file.is_file() and file.stat().st_size <= MAX_SECRET_BYTES
        secret = file.read_text("utf-8-sig").strip() if is_small else ""
    except (OSError, ValueError):
        secret = ""
    if secret and secret.isprintable():
        return secret
    _unusable.add(name)
    report(
        _("%(name)s_FILE must name a file that this process can read and that holds one line."),
        name=name,
    )
    return ""


def parse_file(path: Path) -> dict[str, str]:
    """Return the NAME=value lines of a file. If a name has two lines, the last one counts."""
    try:
        lines = path.read_text("utf-8-sig").split("\n")
    except (FileNotFoundError, IsADirectoryError):
        return {}
    except (OSError, ValueError):
        report(_("%(file)s must be a file in UTF-8 that this user can read."), file=path.name)
        return {}
    variables = {}
    for number, line in enumerate(lines, start=1):
        if line.strip() and not line.strip().startswith("#"):
            name, value = parse_line(line)
            if name:
                variables[name] = value
            else:
                sentence = _("%(file)s, line %(number)d, must look like NAME=value.")
                report(sentence, file=path.name, number=number)
    return variables


def parse_line(line: str) -> tuple[str, str]:
    """Return name and value of a line. Of a malformed line, the name is empty.

    As in a shell, a comment may follow the value: a blank, then #.
    """
    name, separator, value = re.sub(r"^export\s+", "", line.strip()).partition("=")
    name = name.strip()
    if not separator or not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name) or "\0" in value:
        return "", ""
    quoted = re.fullmatch(r"""\s*(['"])(?P<text>.*?)\1(\s+#.*)?""", value)
    if quoted:
        return name, quoted["text"]
    value = re.split(r"\s#", value)[0].strip()
    return ("", "") if value[:1] in {"'", '"'} else (name, value)
