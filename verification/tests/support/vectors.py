"""Reads requests and messages that were published with their tokens and keys."""

from __future__ import annotations

import json
from pathlib import Path

VECTORS: list[dict[str, str]] = json.loads(
    (Path(__file__).parents[1] / "protocol" / "published_vectors.json").read_text("utf-8")
)


def vectors(*kinds: str) -> list[dict[str, str]]:
    return [vector for vector in VECTORS if vector["kind"] in kinds]


def vector_id(vector: dict[str, str]) -> str:
    return vector["id"]
