from __future__ import annotations

__version__ = "0.1"  # the newest release in CHANGELOG.md; sealed exports name it
