"""Serves collected static files if they are current, and the originals otherwise."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.contrib.staticfiles import finders
from whitenoise.storage import CompressedManifestStaticFilesStorage


class CollectedOrOriginalStorage(CompressedManifestStaticFilesStorage):
    """Give the URLs of collected files, whose names hold a hash, and of originals otherwise.

    Django's storage fails on every page if collectstatic has not run, and shows old files if it
    has not run since an upgrade.
    """

    def load_manifest(self) -> Any:
        """Return the collected names by the original ones; none if the files are not current."""
        try:
            collected_at = Path(self.path(self.manifest_name)).stat().st_mtime
            manifest: Any = super().load_manifest()  # the type in the stubs is wrong
            names, digest = manifest
            is_complete = all(map(self.exists, names.values()))
        except (OSError, ValueError, TypeError, AttributeError):  # missing, or damaged
            return {}, ""
        is_newest = all(
            Path(storage.path(path)).stat().st_mtime <= collected_at
            for finder in finders.get_finders()
            for path, storage in finder.list(None)
        )
        return (names, digest) if is_complete and is_newest else ({}, "")

    def is_current(self) -> bool:
        """Return whether pages use the collected files."""
        return bool(self.hashed_files)

    def stored_name(self, name: str) -> str:
        collected: dict[str, Any] = self.hashed_files
        return str(collected.get(self.hash_key(self.clean_name(name)), name))
