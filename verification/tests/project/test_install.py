"""script/install says what is wrong in a sentence. test_own_server.py runs it as a whole."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

INSTALL = Path(settings.BASE_DIR) / "script/install"
NOBODY = 65534


@pytest.fixture
def folder_of_another_user() -> Iterator[Path]:
    """Make a copy of the script in a folder that NOBODY can read but not write."""
    place = Path(tempfile.mkdtemp())  # in tmp_path, NOBODY could not even read
    (place / "script").mkdir()
    shutil.copy2(INSTALL, place / "script")
    place.chmod(0o555)
    yield place
    place.chmod(0o755)
    shutil.rmtree(place)


def test_it_names_the_user_who_cannot_write(folder_of_another_user: Path) -> None:
    user = NOBODY if os.geteuid() == 0 else None  # root can write everywhere
    script = folder_of_another_user / "script/install"
    result = subprocess.run([script], capture_output=True, text=True, user=user, cwd="/")

    assert result.returncode == 1
    assert result.stderr.endswith(
        f" cannot write into {folder_of_another_user}: "
        "run it as the user to whom this folder belongs.\n"
    )


def test_it_explains_itself_and_refuses_unknown_arguments() -> None:
    usage = subprocess.run([INSTALL, "--help"], capture_output=True, text=True)
    wrong = subprocess.run([INSTALL, "--system"], capture_output=True, text=True)

    assert usage.stdout.startswith("Usage: script/install\n")
    assert wrong.returncode == 1
    assert (
        wrong.stderr == "script/install: unknown arguments: --system: see script/install --help.\n"
    )
