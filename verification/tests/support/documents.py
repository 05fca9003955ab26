"""Read the commands, links and headings of the project's Markdown files."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

from django.conf import settings

ROOT = Path(settings.BASE_DIR)
FENCED = re.compile(r"^( *)```(\w*)\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
#: An anchor of its own, such as the one that a Chinese heading has in common with the English.
ANCHOR = re.compile(r'<a id="([a-z0-9-]+)"></a>')


def documents() -> list[str]:
    """Return the paths of all Markdown files, relative to the project."""
    return subprocess.run(
        # In CI, the directory may belong to another user.
        ["git", "-c", "safe.directory=*", "ls-files", "-co", "--exclude-standard", "*.md"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()


def read(document: str) -> str:
    return (ROOT / document).read_text()


def commands_of(document: str) -> list[str]:
    """Return the lines of the document's ``sh`` blocks."""
    return [line for block in blocks_of(read(document)) for line in block.splitlines() if line]


def blocks_of(text: str) -> list[str]:
    """Return the ``sh`` blocks of a Markdown text."""
    return [dedent(body) for _, language, body in FENCED.findall(text) if language == "sh"]


def code_of(document: str, heading: str) -> list[str]:
    """Return all code blocks below this heading."""
    return [code for _, _, code in FENCED.findall(section_of(document, heading))]


def section_of(document: str, heading: str) -> str:
    """Return the text below this heading, up to the next one of the same level."""
    section = rf"^(#+ ){re.escape(heading)}\n(.*?)(?=^\1|\Z)"
    match = re.search(section, read(document), re.DOTALL | re.MULTILINE)
    assert match, heading
    return match[2]


def prose_of(document: str) -> str:
    """Return the document without its code blocks."""
    return FENCED.sub("", read(document))


def anchors_of(document: str) -> set[str]:
    """Return the anchors that GitHub gives to the headings, and those written beside them."""
    prose = prose_of(document)
    return {*map(anchor, HEADING.findall(prose)), *ANCHOR.findall(prose)}


def anchor(heading: str) -> str:
    return re.sub(r"[^\w -]", "", heading.strip().lower()).replace(" ", "-")


def broken_links_of(document: str) -> Iterator[str]:
    """Yield the relative links whose file or heading does not exist."""
    for link in LINK.findall(prose_of(document)):
        # "../../actions" is a page of the repository on GitHub.
        if not link.startswith(("http://", "https://", "mailto:", "../../actions/")):
            path, _, fragment = link.partition("#")
            target = ((ROOT / document).parent / path).resolve() if path else ROOT / document
            exists = target.exists() and target.is_relative_to(ROOT)
            if not exists or (fragment and fragment not in anchors_of(str(target))):
                yield link
