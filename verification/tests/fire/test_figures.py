from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from django.conf import settings

from verification.tests.fire.conftest import RecordFigure
from verification.tests.fire.support import reliability
from verification.tests.fire.support.figures import Figure, merge, read

LOST = Figure("Nothing is lost", "test_crashes.py::test_a", "0", "0", True, "2026-11-25", "box")
FAST = Figure(
    "It is fast", "test_floods.py::test_b[1]", "≤ 20 ms", "19 ms", True, "2026-11-25", "box"
)


def test_a_figure_is_one_line_in_the_file_that_script_fire_names(
    figure: RecordFigure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIRE_FIGURES", str(tmp_path / "figures"))
    figure("Nothing is lost", target="0", measured="3 | 4", is_met=False)

    [kept] = read(tmp_path / "figures")
    assert kept[:5] == (
        "Nothing is lost",
        "test_figures.py::test_a_figure_is_one_line_in_the_file_that_script_fire_names",
        *("0", "3 | 4", False),
    )
    assert "Python 3" in kept.machine


def test_a_run_in_parts_replaces_only_its_own_rows() -> None:
    again = LOST._replace(measured="7", is_met=False)

    assert merge([FAST, LOST], [again]) == [again, FAST]


def test_a_figure_that_its_test_no_longer_records_is_removed() -> None:
    renamed = LOST._replace(promise="Nothing at all is lost")

    assert merge([LOST], [renamed]) == [renamed]


def test_a_missed_target_is_marked_on_the_page() -> None:
    text = reliability.page([LOST, FAST._replace(measured="31 ms", is_met=False)])

    tests = "../verification/tests/fire"
    assert f"| Nothing is lost | [a]({tests}/test_crashes.py) | 0 | 0 | " in text
    assert f"| It is fast | [b(1)]({tests}/test_floods.py) | ≤ 20 ms | **missed: 31 ms** |" in text
    assert text.endswith("\n1. box\n")


def test_the_page_is_written_from_the_figures() -> None:
    assert reliability.PAGE.read_text("utf-8") == reliability.page(read(reliability.KEPT))


def test_the_script_explains_itself() -> None:
    script = Path(settings.BASE_DIR) / "script/fire"
    result = subprocess.run([script, "--help"], capture_output=True, text=True, env={**os.environ})

    assert result.returncode == 0
    assert "docs/RELIABILITY.md" in result.stdout
