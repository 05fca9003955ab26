"""Gets the project as it was before its newest migration."""

from __future__ import annotations

import subprocess
import tarfile
from io import BytesIO
from pathlib import Path

from verification.tests.fire.support.postgresql_server import ROOT

MIGRATIONS = "verification/migrations"


def newest_migration() -> str:
    return sorted((ROOT / MIGRATIONS).glob("[0-9]*.py"))[-1].name


def extract_code_before(migration: str, directory: Path) -> Path:
    """Extract the code before this migration from git into `directory`, and return `directory`."""
    path = f"{MIGRATIONS}/{migration}"
    # --first-parent skips the commits of merged branches, which were never deployed.
    command = ["log", "-m", "--first-parent", "--diff-filter=A", "--format=%H %P", "--", path]
    added = git(*command).decode().split()
    assert len(added) > 1, (
        f"git has no commit before {path}, so the code before it cannot be run: "
        "run 'git fetch --unshallow' in a shallow clone, and commit the migration."
    )
    with tarfile.open(fileobj=BytesIO(git("archive", added[1]))) as archive:
        archive.extractall(directory, filter="data")
    assert not (directory / path).exists()
    return directory


def git(*arguments: str) -> bytes:
    # In CI, another user may own this directory, which git refuses by default.
    command = ["git", "-c", "safe.directory=*", *arguments]
    result = subprocess.run(command, cwd=ROOT, capture_output=True)
    assert result.returncode == 0, result.stderr.decode()
    return result.stdout
