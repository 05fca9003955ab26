"""The units in deploy/ start what the Procfile starts, and systemd accepts them."""

from __future__ import annotations

import shutil
import subprocess
import sys
from configparser import ConfigParser
from pathlib import Path

import pytest
from django.conf import settings

from wechat_gateway import env, gunicorn_conf

ROOT = Path(settings.BASE_DIR)
PROCFILE = dict(line.split(": ", 1) for line in (ROOT / "Procfile").read_text().splitlines())
PLACE = "/srv/wechat-gateway"
UNITS = {"wechat-gateway.service": "web", "wechat-gateway-worker.service": "worker"}
ANALYZE = shutil.which("systemd-analyze")
#: systemd 250 is the first that examines a unit without a running systemd.
needs_systemd = pytest.mark.skipif(
    ANALYZE is None
    or int(subprocess.check_output([ANALYZE, "--version"], text=True).split()[1]) < 250,
    reason="there is no systemd 250",
)


def read_unit(name: str) -> ConfigParser:
    unit = ConfigParser(strict=False, interpolation=None, delimiters="=")
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(ROOT / "deploy" / name)
    return unit


@pytest.mark.parametrize("name", UNITS)
def test_a_unit_starts_the_line_of_the_procfile(name: str) -> None:
    service = read_unit(name)["Service"]

    assert service["ExecStart"] == f"{PLACE}/.venv/bin/{PROCFILE[UNITS[name]]}"
    assert service["WorkingDirectory"] == PLACE


@pytest.mark.parametrize("name", UNITS)
def test_a_misconfigured_service_is_not_restarted_and_any_other_is(name: str) -> None:
    unit = read_unit(name)

    assert unit["Service"]["Restart"] == "always"
    assert unit["Service"]["RestartPreventExitStatus"] == str(env.WORKER_BOOT_ERROR)
    assert unit["Unit"]["StartLimitIntervalSec"] == "0"


def test_systemd_waits_until_the_requests_in_progress_are_answered() -> None:
    service = read_unit("wechat-gateway.service")["Service"]

    assert int(service["TimeoutStopSec"]) > gunicorn_conf.graceful_timeout
    assert service["KillMode"] == "mixed"  # SIGTERM to gunicorn only, which stops its workers


def test_a_reload_sends_the_signal_that_starts_workers_with_new_code() -> None:
    assert read_unit("wechat-gateway.service")["Service"]["ExecReload"] == "/bin/kill -HUP $MAINPID"


@needs_systemd
def test_systemd_accepts_the_units_and_finds_them_hardened(tmp_path: Path) -> None:
    assert ANALYZE is not None
    (tmp_path / ".venv").symlink_to(sys.prefix)
    units = []
    for name in UNITS:
        units.append(str(tmp_path / name))
        text = (ROOT / "deploy" / name).read_text()
        # "verify" looks for the programs.
        (tmp_path / name).write_text(text.replace(PLACE, str(tmp_path)))
    verified = subprocess.run([ANALYZE, "verify", *units], capture_output=True, text=True)
    # 2.0 of 10: systemd calls up to 4.9 "OK" and more "exposed".
    limit = ["security", "--offline=yes", "--threshold=20"]
    examined = subprocess.run([ANALYZE, *limit, *units], capture_output=True, text=True)

    assert (verified.returncode, verified.stderr) == (0, "")
    assert examined.returncode == 0, examined.stdout
