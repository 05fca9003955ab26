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
        """Return the collected names by the original ones; none if they are not current."""
        return super().load_manifest() if self.is_current() else ({}, "")

    def is_current(self) -> bool:
        """Return whether no static file has changed since collectstatic ran."""
        manifest = Path(self.path(self.manifest_name))
        if not manifest.is_file():
            return False
        collected = manifest.stat().st_mtime
        return all(
            Path(storage.path(path)).stat().st_mtime <= collected
            for finder in finders.get_finders()
            for path, storage in finder.list(None)
        )

    def stored_name(self, name: str) -> str:
        collected: dict[str, Any] = self.hashed_files
        return str(collected.get(self.hash_key(self.clean_name(name)), name))
