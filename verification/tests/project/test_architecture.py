"""docs/architecture.md says what the code says: folders, layers, names, replies."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path, PurePath

import pytest
from django.conf import settings

from verification.protocol.reply import REFUSALS, SUCCESS, TRY_AGAIN, Reply

ROOT = Path(settings.BASE_DIR)
PAGE = (ROOT / "docs/architecture.md").read_text()
SECTIONS = dict(section.split("\n", 1) for section in re.split(r"^## ", PAGE, flags=re.M)[1:])
PROSE = " ".join(PAGE.split())
#: `first`, `second` and `third` in `folder/module.py`
PLACE = re.compile(r"((?:`[\w.]+`(?:, | and ))*`[\w.]+`) in `([\w/]+\.py)`")
PLACES = [
    (name, path)
    for names, path in PLACE.findall(PROSE)
    for name in re.findall(r"`([\w.]+)`", names)
]
#: Folders whose own folders hold no code: catalogues, styles, tests.
LEAVES = {"locale", "static", "tests"}


def file_of(path: str) -> Path:
    top = ROOT / path
    return top if path.startswith("wechat_gateway/") else ROOT / "verification" / path


def table_of(section: str, heading: str) -> list[list[str]]:
    """The rows of the table that begins with this heading, in cells."""
    lines = SECTIONS[section].partition(f"| {heading} |")[2].splitlines()[2:]
    rows = lines[: lines.index("")] if "" in lines else lines
    return [[cell.strip() for cell in row.strip("|").split(" | ")] for row in rows]


@pytest.mark.parametrize(("name", "path"), PLACES)
def test_a_name_is_where_the_page_says(name: str, path: str) -> None:
    code = file_of(path).read_text()

    assert re.search(rf"^\s*(?:async def|def|class) {name}\b|^\s*{name} = ", code, re.MULTILINE)


def test_every_step_of_a_request_names_a_place() -> None:
    steps = re.split(r"^\d+\. ", SECTIONS["A request in ten steps"], flags=re.MULTILINE)[1:]

    assert len(steps) == 10
    assert [step for step in steps if not PLACE.search(" ".join(step.split()))] == []


def test_the_map_has_every_folder() -> None:
    tracked = subprocess.run(
        # As if this directory were ours: in CI its owner may be somebody else.
        ["git", "-c", "safe.directory=*", "ls-files", "-co", "--exclude-standard", "verification"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    parents = {parent for path in tracked for parent in PurePath(path).parents}
    folders = {parent.relative_to("verification") for parent in parents if len(parent.parts) > 1}
    kept = {f"{it}/" for it in folders if not LEAVES & set(it.parts[:-1])}
    listed = {row[0].strip("`") for row in table_of("Folders", "Folder")}

    assert listed == kept | {"wechat_gateway/"}


def test_the_layers_are_those_that_lint_imports_checks() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    [layers] = [it["layers"] for it in contracts["contracts"] if it["type"] == "layers"]
    listed = [re.findall(r"`(\w+)(?:/|\.py)`", row[1]) for row in table_of("Folders", "Layer")]

    assert listed == [layer.split(" | ") for layer in layers]


@pytest.mark.parametrize("reply", [*REFUSALS.values(), SUCCESS, TRY_AGAIN], ids=str)
def test_the_table_has_every_reply(reply: Reply) -> None:
    said = " ".join(row[1] for row in table_of("Replies", "Request"))

    assert f"{reply.status} `{reply.body.decode()}`" in said
    for name, value in reply.extra_headers.items():
        assert f"`{name}: {value}`" in said


def test_links_lead_somewhere() -> None:
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", PAGE)
    sections = {it.lower().replace(" ", "-") for it in re.findall(r"^##+ (.+)", PAGE, re.MULTILINE)}

    assert [link for link in links if not (ROOT / "docs" / link).exists()] == []
    assert set(re.findall(r"\(#([\w-]+)\)", PAGE)) <= sections
