from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import yaml
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


WORKFLOWS = {
    path.name: yaml.safe_load(path.read_text()) for path in (ROOT / ".github/workflows").iterdir()
}
JOBS = WORKFLOWS["ci.yml"]["jobs"]


def test_the_workflow_runs_every_step_as_a_job() -> None:
    commands = [step["run"] for job in JOBS.values() for step in job["steps"] if "run" in step]
    called = {command for command in commands if command.startswith("script/ci ")}
    in_the_matrix = {f"script/ci {step}" for step in JOBS["check"]["strategy"]["matrix"]["step"]}

    assert called - {'script/ci "$STEP"'} | in_the_matrix == {
        f"script/ci {step}" for step in STEPS - {"packages"}
    }


def test_the_workflow_tests_every_supported_python_and_postgresql() -> None:
    pythons = ["3.11", "3.12", "3.13", "3.14"]
    pairs = JOBS["postgresql"]["strategy"]["matrix"]["include"]

    assert JOBS["sqlite"]["strategy"]["matrix"]["python"] == pythons
    assert [pair["python"] for pair in pairs] == pythons
    assert [pair["postgresql"] for pair in pairs] == ["15", "16", "17", "18"]


def test_the_other_jobs_use_the_python_of_heroku() -> None:
    runtime = (ROOT / "runtime.txt").read_text().strip().removeprefix("python-")
    setups = [
        step["with"]["python-version"]
        for job in (JOBS["check"], *WORKFLOWS["audit.yml"]["jobs"].values())
        for step in job["steps"]
        if "setup-python" in step.get("uses", "")
    ]

    assert setups == [runtime, runtime]


@pytest.mark.parametrize("name", WORKFLOWS)
def test_a_workflow_may_only_read_and_runs_pinned_actions_for_a_limited_time(name: str) -> None:
    workflow = WORKFLOWS[name]
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]

    assert workflow["permissions"] == {"contents": "read"}
    assert all(job["timeout-minutes"] <= 30 for job in workflow["jobs"].values())
    for step in steps:
        assert "uses" not in step or re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40}", step["uses"])


def test_new_packages_wait_a_week_before_dependabot_proposes_them() -> None:
    updates = yaml.safe_load((ROOT / ".github/dependabot.yml").read_text())["updates"]

    assert {update["package-ecosystem"] for update in updates} >= {"pip", "github-actions"}
    assert [update["cooldown"]["default-days"] for update in updates] == [7] * len(updates)


def test_ci_run_runs_every_step_then_the_tests_once() -> None:
    *_, steps, tests = (ROOT / ".ci/run").read_text().splitlines()

    assert set(steps.removeprefix("script/ci ").split()) == STEPS - {"sqlite", "postgresql"}
    assert tests == "exec script/test"  # both databases
