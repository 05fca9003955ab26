from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from django.conf import settings

ROOT = Path(settings.BASE_DIR)
STEPS = set(re.findall(r"^run_(\w+)\(\) \{$", (ROOT / "script/ci").read_text(), re.MULTILINE))


def script_ci(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([ROOT / "script/ci", *arguments], capture_output=True, text=True)


def test_help_explains_every_step_in_one_line() -> None:
    result = script_ci("--help")

    assert result.returncode == 0
    assert set(re.findall(r"^  ([a-z]+) +\S", result.stdout, re.MULTILINE)) == STEPS | {"all"}


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [([], "no step given"), (["lint", "tests"], "there is no step 'tests'")],
)
def test_wrong_arguments_run_nothing(arguments: list[str], problem: str) -> None:
    result = script_ci(*arguments)

    assert (result.returncode, result.stdout) == (1, "")
    assert result.stderr == f"script/ci: {problem}: see script/ci --help.\n"


def test_the_workflow_runs_every_step_as_a_job() -> None:
    workflow = (ROOT / ".github/workflows/ci.yml").read_text()
    jobs = [names.split(", ") for names in re.findall(r"step: \[(.+)\]", workflow)]

    assert {name for names in jobs for name in names} == STEPS - {"packages"}
    assert workflow.count("run: script/ci ${{ matrix.step }}\n") == len(jobs)


def test_ci_run_runs_every_step_then_the_tests_once() -> None:
    *_, steps, tests = (ROOT / ".ci/run").read_text().splitlines()

    assert set(steps.removeprefix("script/ci ").split()) == STEPS - {"sqlite", "postgresql"}
    assert tests == "exec script/test"  # both databases
