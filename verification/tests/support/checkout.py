"""Copy the project without its .env file, and run its commands as an operator would."""

from __future__ import annotations

import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest.mock import patch

from django.conf import settings

from verification.tests.support.gunicorn import database_url

KEY = "only-for-tests-" * 4
PRODUCTION = {
    "SECRET_KEY": KEY,
    "TOKEN_ENCRYPTION_KEYS": KEY,
    "DATABASE_URL": "postgres://gateway:hunter2@127.0.0.1:1/gateway",
    "ALLOWED_HOSTS": "wx.example.cn",
}
LOCAL = {"WECHAT_GATEWAY_LOCAL": "1", "SECRET_KEY": KEY, "TOKEN_ENCRYPTION_KEYS": KEY}
Result = subprocess.CompletedProcess[str]


class Checkout:
    def __init__(self, path: Path) -> None:
        self.path = path
        for folder in ("wechat_gateway", "verification", "templates"):
            # Other tests write and remove compiled files in the meantime.
            shutil.copytree(
                settings.BASE_DIR / folder,
                path / folder,
                ignore=shutil.ignore_patterns("__pycache__"),
            )
        shutil.copy2(settings.BASE_DIR / "manage.py", path)

    def python(self, *arguments: str, **environment: str) -> Result:
        """Run Python in the copy, with only these environment variables."""
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self.path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=120,
        )

    def manage(self, *arguments: str, **environment: str) -> Result:
        return self.python("manage.py", *arguments, **environment)

    def manage_test_database(self, *arguments: str, **environment: str) -> Result:
        return self.manage(*arguments, **on_test_database(**environment))


def on_test_database(**environment: str) -> dict[str, str]:
    return {**LOCAL, "DATABASE_URL": database_url(), **environment}


def assert_one_sentence(result: Result, *, code: int = 1) -> str:
    """Return the output of a command that failed with one sentence on stderr and nothing else."""
    assert (result.returncode, result.stdout) == (code, ""), result
    assert result.stderr.count("\n") == 1, result.stderr
    assert result.stderr.endswith(".\n"), result.stderr
    return result.stderr.strip()


def read_settings(**environment: str) -> dict[str, Any]:
    """Return the settings that settings.py makes of only these environment variables."""
    with patch.dict(os.environ, environment, clear=True):
        return runpy.run_path(str(settings.BASE_DIR / "wechat_gateway" / "settings.py"))
