from __future__ import annotations

__version__ = "0.1"  # the newest version in CHANGELOG.md
