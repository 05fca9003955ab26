"""The project as it was before its newest migration."""

from __future__ import annotations

import subprocess
import tarfile
from io import BytesIO
from pathlib import Path

from verification.tests.fire.support.own_postgresql import ROOT

MIGRATIONS = "verification/migrations"


def newest_migration() -> str:
    return sorted((ROOT / MIGRATIONS).glob("[0-9]*.py"))[-1].name


def extract_code_before(migration: str, place: Path) -> Path:
    """Into this directory, from git."""
    path = f"{MIGRATIONS}/{migration}"
    # --first-parent: what was deployed, and not how a branch came about that was merged.
    command = ["log", "-m", "--first-parent", "--diff-filter=A", "--format=%H %P", "--", path]
    added = git(*command).decode().split()
    assert len(added) > 1, (
        f"git does not tell what was before {path}, so that the code of that time cannot be run: "
        "a shallow clone needs 'git fetch --unshallow', and the migration must be committed."
    )
    with tarfile.open(fileobj=BytesIO(git("archive", added[1]))) as archive:
        archive.extractall(place, filter="data")
    assert not (place / path).exists()
    return place


def git(*arguments: str) -> bytes:
    # As if this directory were ours: in CI its owner may be somebody else.
    command = ["git", "-c", "safe.directory=*", *arguments]
    result = subprocess.run(command, cwd=ROOT, capture_output=True)
    assert result.returncode == 0, result.stderr.decode()
    return result.stdout
