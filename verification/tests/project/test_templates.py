"""Templates stay readable as text: a change shows in a diff by itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

MAX_LINE_LENGTH = 120


def test_no_line_of_a_template_is_longer_than_120_characters(settings: Any) -> None:
    templates: Path = settings.BASE_DIR / "templates"
    files = [path for path in templates.rglob("*") if path.is_file()]
    long_lines = [
        f"{path.relative_to(templates)}:{number}"
        for path in files
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if len(line) > MAX_LINE_LENGTH
    ]

    assert files
    assert long_lines == []
