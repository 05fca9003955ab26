"""The recipes of CONTRIBUTING name every place that an existing example is wired into."""

from __future__ import annotations

import re
import subprocess
from fnmatch import fnmatch
from pathlib import Path
from typing import NamedTuple

import pytest
from django.conf import settings

ROOT = Path(settings.BASE_DIR)
CONTRIBUTING = (ROOT / ".github/CONTRIBUTING.md").read_text()
SECTIONS = dict(
    section.split("\n", 1) for section in re.split(r"^## ", CONTRIBUTING, flags=re.MULTILINE)[1:]
)
#: Files and folders of the repository, as CONTRIBUTING names them.
PATH = re.compile(r"`((?:verification|wechat_gateway|benchmarks|templates|docs|script)/[\w./-]+)`")

#: `name` in `folder/module.py`
PLACES = re.findall(r"`(\w+)` in `(verification/[\w/]+\.py)`", " ".join(CONTRIBUTING.split()))

#: Files that mention an example, and that no recipe has to name.
NEVER = {
    ".github/CONTRIBUTING.md": "it is the recipe",
    "CHANGELOG.md": "it says what changed",
    "README*.md": "each recipe ends with the documents",
    "docs/*.md": "each recipe ends with the documents",
    "docs/reliability.jsonl": "its numbers were measured",
    "verification/locale/*": "makemessages finds the texts",
    "verification/tests/project/test_contributing.py": "it is this test",
}
OF_TESTS = {"verification/tests/*": "tests of the kinds that there are; step 10 adds the new one's"}
OF_DJANGO = {
    "verification/tests/admin/test_urls.py": "the 405 is Django's own",
    "verification/tests/admin/attempts/test_export.py": "the 405 is Django's own",
    "verification/relay/failures.py": "the 405 is a backend's",
    "verification/tests/relay/test_replies.py": "the 405 is a backend's",
    "verification/tests/test_metrics.py": "the 405 is Django's own",
    "verification/tests/fire/SURVIVORS.md": "the 405 is a number of mutants",
}


class Recipe(NamedTuple):
    section: str
    example: str  #: words, as git grep -wE takes them
    exceptions: dict[str, str]  #: a pattern of paths, and why they are not in the recipe


RECIPES = [
    Recipe("Add a column to attempts", "clock_skew", {}),
    Recipe("Add a cause", "token_cut_or_doubled", {}),
    Recipe("Add a kind of callback", "SELF_TEST|MESSAGE_PUSH|URL_VERIFICATION", OF_TESTS),
    Recipe("Add a reply", "405", OF_DJANGO),
    Recipe("Add a reply", "METHOD_NOT_ALLOWED", {}),
]
IDS = [f"{recipe.section}: {recipe.example}" for recipe in RECIPES]


def paths_named_in(text: str) -> set[str]:
    return set(PATH.findall(text))


def files_that_mention(example: str) -> list[str]:
    found = subprocess.run(
        # As if this directory were ours: in CI its owner may be somebody else.
        ["git", "-c", "safe.directory=*", "grep", "--untracked", "-lIwE", example],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return found.stdout.splitlines()


def is_excepted(file: str, exceptions: dict[str, str]) -> bool:
    return any(fnmatch(file, pattern) for pattern in {**NEVER, **exceptions})


@pytest.mark.parametrize("section", SECTIONS)
def test_every_file_that_is_named_is_there(section: str) -> None:
    named = paths_named_in(SECTIONS[section])

    assert [path for path in sorted(named) if not (ROOT / path).exists()] == []


@pytest.mark.parametrize(("name", "path"), PLACES)
def test_a_name_is_where_a_recipe_says(name: str, path: str) -> None:
    code = (ROOT / path).read_text()

    assert re.search(rf"^\s*(?:def|class) {name}\b|^[\w, ]*\b{name}\b.* = ", code, re.MULTILINE)


@pytest.mark.parametrize("recipe", RECIPES, ids=IDS)
def test_a_recipe_names_every_file_of_its_example(recipe: Recipe) -> None:
    named = paths_named_in(SECTIONS[recipe.section])
    files = files_that_mention(recipe.example)
    missing = [it for it in files if it not in named and not is_excepted(it, recipe.exceptions)]

    assert files
    assert missing == []


@pytest.mark.parametrize("recipe", RECIPES, ids=IDS)
def test_every_exception_is_one(recipe: Recipe) -> None:
    files = files_that_mention(recipe.example)

    for pattern in recipe.exceptions:
        assert any(fnmatch(file, pattern) for file in files), pattern


def test_the_order_of_the_contents_is_that_of_the_sections() -> None:
    contents = re.findall(r"\[([^\]]+)\]\(#([\w-]+)\)", CONTRIBUTING.partition("\n## ")[0])

    assert [title.replace("\n", " ") for title, _ in contents] == list(SECTIONS)
    assert [link for _, link in contents] == [it.lower().replace(" ", "-") for it in SECTIONS]
