from __future__ import annotations

import json
import re
import shlex
import socket
import subprocess
import time
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from verification.models import OfficialAccount
from verification.tests.support.adapter import A
from verification.tests.support.checkout import KEY, PRODUCTION, Checkout
from verification.tests.support.gunicorn import COMMAND, running_gunicorn
from verification.tests.support.signer import push, signed, verification

ROOT = Path(settings.BASE_DIR)
SOURCES = "\n".join(
    path.read_text()
    for path in [*ROOT.glob("*/**/*.py"), *(ROOT / name for name in ("Procfile", "pyproject.toml"))]
    if not {"tests", ".venv"} & set(path.parts)
)

# --- Heroku

PROCFILE = dict(line.split(": ", 1) for line in (ROOT / "Procfile").read_text().splitlines())
APP: dict[str, Any] = json.loads((ROOT / "app.json").read_text())


def test_a_release_migrates_and_the_web_process_is_gunicorn() -> None:
    assert set(PROCFILE) == {"release", "web", "worker"}
    assert PROCFILE["release"].startswith("python manage.py migrate")
    assert PROCFILE["web"].startswith("gunicorn ")
    assert shlex.split(PROCFILE["web"])[1:] == COMMAND  # the tests start the same


def test_alerts_are_sent_by_a_worker_that_is_off_by_default() -> None:
    assert PROCFILE["worker"] == "python manage.py worker"
    assert APP["formation"]["worker"]["quantity"] == 0  # a second dyno costs


def test_the_python_version_is_a_supported_minor_version() -> None:
    runtime = (ROOT / "runtime.txt").read_text().strip()

    assert re.fullmatch(r"python-3\.(11|12|13|14)", runtime)


def test_the_button_sets_up_everything_that_is_needed() -> None:
    assert APP["addons"] == ["heroku-postgresql:essential-0"]
    assert APP["formation"]["web"] == {"quantity": 1, "size": "basic"}  # eco dynos sleep
    assert APP["scripts"] == {"postdeploy": "python manage.py ensure_admin"}
    assert APP["success_url"] == "/admin/"
    assert APP["env"]["ALLOWED_HOSTS"]["value"] == ".herokuapp.com"
    for name in ("SECRET_KEY", "TOKEN_ENCRYPTION_KEYS"):
        assert APP["env"][name]["generator"] == "secret"


def test_the_button_asks_only_for_variables_that_the_code_reads() -> None:
    assert [name for name in APP["env"] if f'"{name}"' not in SOURCES] == []


def test_the_button_explains_what_it_asks_for_and_gives_no_password() -> None:
    for name, field in APP["env"].items():
        assert field["description"].endswith("."), name
    assert APP["env"]["DJANGO_SUPERUSER_PASSWORD"].keys() == {"description"}


@pytest.mark.process
def test_what_the_button_sets_passes_the_deployment_check(tmp_path: Path) -> None:
    by_heroku = {"DYNO": "web.1", "DATABASE_URL": PRODUCTION["DATABASE_URL"]}
    chosen = {
        name: KEY if "generator" in field else field.get("value", "")
        for name, field in APP["env"].items()
    }
    checkout = Checkout(tmp_path)
    checkout.manage("collectstatic", "--noinput")  # Heroku does this before each release
    result = checkout.manage("check", "--deploy", "--fail-level", "WARNING", **by_heroku, **chosen)

    assert (result.returncode, result.stderr) == (0, "")


# --- Packages

LINE = re.compile(r"([\w-]+)==([\d.]+) +# (.+)")
LOCKS = {
    "requirements.txt": "requirements-lock.txt",
    "requirements-dev.txt": "requirements-dev-lock.txt",
}


def direct_requirements(name: str) -> list[str]:
    lines = (ROOT / name).read_text().splitlines()
    return [line for line in lines if not line.startswith(("#", "-r "))]


REQUIREMENTS = direct_requirements("requirements.txt")
# Each package with a text in the sources that shows that it is used.
USED = {
    "Django": "from django.",
    "gunicorn": "web: gunicorn ",
    "uvicorn": "(UvicornWorker)",
    "uvicorn-worker": "from uvicorn_worker ",
    "httptools": "httptools_impl import",
    "uvloop": '"loop": "uvloop"',
    "whitenoise": '"whitenoise.middleware.',
    "dj-database-url": "import dj_database_url",
    "psycopg2-binary": '"django.db.backends.postgresql"',
    "aiohttp": "import aiohttp",
    "cryptography": "from cryptography.",
    "defusedxml": "from defusedxml.",
    "prometheus-client": "from prometheus_client.",
    "python-json-logger": "from pythonjsonlogger.",
    "django-axes": '"axes.middleware.',
    "django-otp": "from django_otp",
    "segno": "import segno",
    "django-csp": '"csp.middleware.',
    "tqdm": "from tqdm ",
    "tzdata": "zoneinfo.available_timezones()",
    "pytest-django": "DJANGO_SETTINGS_MODULE = ",
}


@pytest.mark.parametrize("line", REQUIREMENTS)
def test_a_requirement_is_pinned_has_a_reason_and_is_used(line: str) -> None:
    match = LINE.fullmatch(line)
    assert match is not None
    name, pin, reason = match.groups()

    assert len(reason) > 10
    assert USED[name] in SOURCES
    assert version(name) == pin  # the tests run with the version that is deployed


def test_every_expected_package_is_required() -> None:
    names = {line.partition("==")[0] for line in REQUIREMENTS}

    assert names == set(USED)


@pytest.mark.parametrize(("name", "lock"), LOCKS.items())
def test_pip_reads_the_hashes_first(name: str, lock: str) -> None:
    """pip 23 takes the hashes of a package from the first line that names it."""
    lines = [line for line in (ROOT / name).read_text().splitlines() if line[:1] != "#"]

    assert lines[0] == f"-r {lock}"


def locked(name: str) -> dict[str, tuple[str, str]]:
    """Return the version and the hashes of each package in the lock."""
    entries = re.findall(
        r"^([\w.-]+)==([\w.]+)[^\n]*((?:\\\n +--hash=sha256:[0-9a-f]{64} ?)+)$",
        (ROOT / name).read_text(),
        re.MULTILINE,
    )
    return {canonicalize_name(package): (pin, hashes) for package, pin, hashes in entries}


@pytest.mark.parametrize(("name", "lock"), LOCKS.items())
def test_the_lock_fits_the_requirements(name: str, lock: str) -> None:
    """Otherwise, run script/lock."""
    packages = locked(lock)
    direct = [Requirement(line.partition("#")[0]) for line in direct_requirements(name)]

    for requirement in direct:
        pin, _hashes = packages[canonicalize_name(requirement.name)]
        assert str(requirement.specifier) == f"=={pin}"


def needs(name: str) -> set[str]:
    """Return the packages that this installed package needs here."""
    requirements = [Requirement(text) for text in requires(name) or []]
    return {
        canonicalize_name(requirement.name)
        for requirement in requirements
        if requirement.marker is None or requirement.marker.evaluate({"extra": ""})
    }


@pytest.mark.parametrize("lock", LOCKS.values())
def test_every_package_that_a_locked_package_needs_is_locked_and_installed_as_locked(
    lock: str,
) -> None:
    packages = locked(lock)
    installed = {name for name in packages if installed_version(name)}

    assert len(installed) > 25
    assert {name: installed_version(name) for name in installed} == {
        name: packages[name][0] for name in installed
    }
    assert set().union(*map(needs, installed)) - packages.keys() == set()


def installed_version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None  # for another system


def test_the_development_lock_holds_the_same_packages_for_production() -> None:
    production, development = (locked(lock) for lock in LOCKS.values())

    assert production == {name: development[name] for name in production}


@pytest.mark.parametrize("lock", LOCKS.values())
def test_a_lock_names_no_package_index(lock: str) -> None:
    assert "://" not in (ROOT / lock).read_text()


# --- The top level

REQUIRED = {
    *("manage.py", "wechat_gateway", "verification", "templates"),
    *("requirements.txt", "Procfile", "runtime.txt", "README.md"),
}
CONVENTIONAL = {
    *("app.json", "pyproject.toml", "requirements-dev.txt", "LICENSE", "CHANGELOG.md"),
    *("requirements-lock.txt", "requirements-dev-lock.txt"),
    *("SECURITY.md", "README.zh-CN.md"),
    *(".gitignore", ".gitattributes", ".ci", ".github", "benchmarks", "docs", "script"),
    *("Dockerfile", ".dockerignore", "compose.yaml", "deploy"),
}


def test_the_top_level_holds_only_required_and_conventional_files() -> None:
    listed = subprocess.run(
        # In CI, another user may own this directory, which git refuses by default.
        ["git", "-c", "safe.directory=*", "ls-files", "-co", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()

    assert {path.split("/")[0] for path in listed} == REQUIRED | CONVENTIONAL


def test_the_licence_is_mit() -> None:
    assert (ROOT / "LICENSE").read_text().startswith("MIT License")


# --- Processes


# Starts its own gunicorn, because the test stops it: 2 s.
def test_a_request_in_progress_is_answered_before_the_process_ends(
    transactional_db: None, brand_a: OfficialAccount, tmp_path: Path
) -> None:
    head = (
        f"POST /wechat/brand-a?{push(A)} HTTP/1.1\r\nHost: wx.example.cn\r\n"
        "Expect: 100-continue\r\nContent-Length: 6\r\n\r\n"
    )
    with running_gunicorn(tmp_path / "output", WEB_CONCURRENCY="1") as server:
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as wire:
            wire.sendall(head.encode())
            assert wire.recv(4096).startswith(b"HTTP/1.1 100 Continue")
            server.process.terminate()
            server.wait_for("Handling signal: term", times=1)
            wire.sendall(b"<xml/>")
            answer = b"".join(iter(lambda: wire.recv(4096), b""))
        started = time.monotonic()

        assert answer.startswith(b"HTTP/1.1 200 OK")
        assert answer.endswith(b"success")
        assert server.process.wait(timeout=10) == 0
        assert time.monotonic() - started < 5


# Starts its own gunicorn, because it needs other variables: 2 s.
def test_web_concurrency_is_respected_and_every_line_is_json_without_a_signature(
    transactional_db: None, brand_a: OfficialAccount, tmp_path: Path
) -> None:
    chatty = "--access-logfile - --error-logfile - --log-level debug"
    with running_gunicorn(
        tmp_path / "output", WEB_CONCURRENCY="3", GUNICORN_CMD_ARGS=chatty, LOG_LEVEL="DEBUG"
    ) as server:
        for query in (verification(A), "signature=nonsense1&echostr=nonsense2"):
            server.send(f"GET /wechat/brand-a?{query} HTTP/1.0\r\n\r\n".encode())
        server.send(b"GET /?lang=nonsense3 HTTP/1.0\r\nHost: localhost\r\n\r\n")
        server.send(b"no HTTP at all\r\n\r\n")
        server.wait_for("Booting worker with pid", times=3)
        server.wait_for('"event": "attempt"', times=2)
        text = "\n".join(server.lines())

    assert text.count("Booting worker with pid") == 3
    assert [line for line in text.splitlines() if not isinstance(json.loads(line), dict)] == []
    secrets = [signed(A)["signature"], "4375120948345356249", A, KEY, "nonsense1", "nonsense2"]
    assert [secret for secret in secrets if secret in text] == []
