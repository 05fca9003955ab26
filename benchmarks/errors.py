"""The error that stops a benchmark."""

from __future__ import annotations


class BenchmarkError(Exception):
    """Says in one sentence why there is no valid result, and what to do."""
