"""The image and compose.yaml start what the Procfile starts, with secrets that exist."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import dj_database_url
import pytest
import yaml
from django.conf import settings

from verification.tests.support.documents import blocks_of, commands_of, section_of
from verification.tests.support.gunicorn import Gunicorn, free_port
from wechat_gateway import gunicorn_conf

ROOT = Path(settings.BASE_DIR)
PROCFILE = dict(line.split(": ", 1) for line in (ROOT / "Procfile").read_text().splitlines())
DOCKERFILE = (ROOT / "Dockerfile").read_text()
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]


def instruction(name: str) -> str:
    """Return the arguments of the last instruction of this name in the Dockerfile."""
    joined = DOCKERFILE.replace("\\\n", " ")
    found: list[str] = re.findall(rf"^{name} +(.+)$", joined, re.MULTILINE)
    return found[-1]


# --- The image


def test_the_image_starts_the_web_line_of_the_procfile() -> None:
    assert json.loads(instruction("CMD")) == shlex.split(PROCFILE["web"])
    assert instruction("STOPSIGNAL") == "SIGTERM"


def test_the_image_has_the_python_of_runtime_txt() -> None:
    version = (ROOT / "runtime.txt").read_text().strip().removeprefix("python-")

    assert f"ARG PYTHON_IMAGE=python:{version}-slim\n" in DOCKERFILE


def test_the_image_runs_as_a_user_with_a_fixed_number() -> None:
    uid, gid = instruction("USER").split(":")

    assert f"--uid {uid} --gid {gid}" in instruction("RUN")


def test_the_health_check_of_the_image_asks_the_server(gunicorn: Gunicorn) -> None:
    python, *arguments = json.loads(instruction("HEALTHCHECK").partition("CMD ")[2])
    assert python == "python"

    def check(port: int) -> int:
        return subprocess.run(
            [sys.executable, *arguments], env={"PORT": str(port)}, stderr=subprocess.DEVNULL
        ).returncode

    assert check(gunicorn.port) == 0
    assert check(free_port()) != 0


@pytest.mark.parametrize("path", [".env", "secrets/secret_key", "gateway.dump", "db.sqlite3-wal"])
def test_no_secret_gets_into_the_image(path: str) -> None:
    patterns = (ROOT / ".dockerignore").read_text().splitlines()

    assert any(fnmatch(path, pattern + "*" * pattern.endswith("/")) for pattern in patterns)


# --- compose.yaml


def test_the_services_start_the_lines_of_the_procfile() -> None:
    assert "command" not in SERVICES["web"]  # the image's own
    assert SERVICES["worker"]["command"] == PROCFILE["worker"].split()
    assert SERVICES["migrate"]["command"] == PROCFILE["release"].split()


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_gets_no_more_rights_than_it_needs(name: str) -> None:
    service = SERVICES[name]

    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service.get("cap_add", []) == (["NET_BIND_SERVICE"] if name == "caddy" else [])
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "max-size" in service["logging"]["options"]


@pytest.mark.parametrize("name", SERVICES)
def test_a_container_gets_secrets_as_files_that_it_is_given(name: str) -> None:
    variables = SERVICES[name].get("environment", {})
    files = {value for key, value in variables.items() if key.endswith("_FILE")}
    secrets = SERVICES[name].get("secrets", [])

    assert files == {f"/run/secrets/{secret}" for secret in secrets}
    assert set(secrets) <= COMPOSE["secrets"].keys()
    assert not {"SECRET_KEY", "TOKEN_ENCRYPTION_KEYS", "DATABASE_URL"} & variables.keys()


@pytest.mark.parametrize("name", ["web", "worker", "migrate"])
def test_a_password_in_the_address_of_pips_index_does_not_reach_the_gateway(name: str) -> None:
    """.env holds the address for the build. compose.yaml passes that file on as a whole."""
    assert SERVICES[name]["env_file"] == [".env"]
    assert SERVICES[name]["environment"]["PIP_INDEX_URL"] == ""


def test_the_database_is_migrated_before_the_gateway_starts() -> None:
    migrated = {"migrate": {"condition": "service_completed_successfully"}}

    assert SERVICES["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}
    assert SERVICES["web"]["depends_on"] == SERVICES["worker"]["depends_on"] == migrated
    assert SERVICES["migrate"]["restart"] == "no"


def test_docker_waits_until_the_requests_in_progress_are_answered() -> None:
    seconds = int(SERVICES["web"]["stop_grace_period"].removesuffix("s"))

    assert seconds > gunicorn_conf.graceful_timeout


def test_only_caddy_can_be_reached_from_outside() -> None:
    assert [name for name, service in SERVICES.items() if "ports" in service] == ["caddy"]
    assert COMPOSE["networks"]["database"] == {"internal": True}
    assert SERVICES["postgres"]["networks"] == ["database"]


# --- The commands of docs/deploy.md


def test_the_commands_of_deploy_md_write_what_compose_yaml_reads(tmp_path: Path) -> None:
    commands = blocks_of(section_of("docs/deploy.md", "Containers"))
    for block in commands[:2]:
        subprocess.run(["sh", "-euc", block], cwd=tmp_path, check=True)

    assert ".env" in SERVICES["web"]["env_file"]
    for variable in re.findall(r"\$\{(\w+)(?::\?.*)?\}", (ROOT / "compose.yaml").read_text()):
        assert f"\n{variable}=" in "\n" + (tmp_path / ".env").read_text()
    files = {
        name: (tmp_path / secret["file"]).read_text() for name, secret in COMPOSE["secrets"].items()
    }
    assert len(files["secret_key"].strip()) >= 50
    assert len(files["token_encryption_keys"].strip()) >= 32
    url = dj_database_url.parse(files["database_url"].strip())
    postgres = SERVICES["postgres"]["environment"]
    assert url["PASSWORD"] == files["postgres_password"].strip()
    assert (url["USER"], url["NAME"]) == (postgres["POSTGRES_USER"], postgres["POSTGRES_DB"])
    assert url["HOST"] in SERVICES


def test_the_commands_of_deploy_md_name_services_of_compose_yaml() -> None:
    lines = [line for line in commands_of("docs/deploy.md") if line.startswith("docker compose ")]
    named = re.findall(r"(?:exec(?: -T)?|run --rm|stop) (\w+)( \w+)?", "\n".join(lines))

    assert len(lines) > 8
    assert {service for service, _ in named} <= SERVICES.keys()
