from __future__ import annotations

import sqlite3
import time
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from verification.models import OfficialAccount
from verification.tests.fire.conftest import RecordFigure
from verification.tests.fire.support.balancer import Balancer
from verification.tests.fire.support.load_generator import Answer, LoadGenerator
from verification.tests.fire.support.log_comparison import compare_with_log
from verification.tests.fire.support.postgresql_server import (
    PostgreSQLServer,
    manage,
    running_postgresql,
)
from verification.tests.fire.support.previous_code import extract_code_before, newest_migration
from verification.tests.fire.support.run_length import short_or_long
from verification.tests.fire.support.traffic import mixed_requests
from verification.tests.support.adapter import A
from verification.tests.support.gunicorn import Gunicorn, database_url, running_gunicorn

pytestmark = [pytest.mark.postgresql, pytest.mark.process]


class Instances:
    """Runs gunicorns behind a balancer, and replaces them."""

    def __init__(self, balancer: Balancer, directory: Path) -> None:
        self.balancer, self.directory = balancer, directory
        self.running: list[tuple[Gunicorn, ExitStack]] = []
        self.started = 0

    def start(self) -> None:
        """Start a gunicorn, and add it to the balancer once it answers."""
        self.started += 1
        stack = ExitStack()
        output = self.directory / f"output-{self.started}"
        server = stack.enter_context(running_gunicorn(output, WEB_CONCURRENCY="1"))
        assert server.send(b"GET /healthz HTTP/1.0\r\n\r\n", timeout=60).endswith(b"ok")
        self.running.append((server, stack))
        self.balancer.ports.append(server.port)

    def replace_oldest(self) -> None:
        """Stop the oldest with SIGTERM while it has requests, as a platform does; start another."""
        server, stack = self.running.pop(0)
        self.balancer.ports.remove(server.port)
        stack.close()
        assert server.process.returncode == 0
        self.start()

    def stop(self) -> None:
        for _server, stack in self.running:
            stack.close()


def test_no_request_fails_while_every_instance_is_replaced(
    transactional_db: None, brand_a: OfficialAccount, tmp_path: Path, figure: RecordFigure
) -> None:
    restarts = short_or_long(3, 100)
    with Balancer() as balancer:
        instances = Instances(balancer, tmp_path)
        instances.start()
        instances.start()
        with LoadGenerator(balancer.port, clients=16, pause=0.02) as load:
            for _ in range(restarts):
                load.wait_for(200, since=time.monotonic())
                instances.replace_oldest()
        instances.stop()
    compared = compare_with_log(load.answers, database_url())
    failed = sum(answer.status not in {200, 400, 403} for answer in load.answers)

    figure(
        "No request fails while instances are restarted with SIGTERM",
        target=f"0 failed in {restarts} restarts, two instances behind a proxy",
        measured=f"{failed} failed of {len(load.answers):,}, "
        f"{balancer.retries} sent to the other instance",
        is_met=failed == 0,
    )
    assert (compared.missing, compared.wrong, compared.unanswered, failed) == (0, 0, 0, 0)
    assert "is intact" in manage(database_url(), "verify_audit")


def test_the_newest_migration_runs_while_the_previous_code_serves(
    tmp_path: Path, figure: RecordFigure
) -> None:
    migration = newest_migration()
    former = extract_code_before(migration, tmp_path / "former")
    with running_postgresql() as postgresql:
        url = postgresql.url()
        manage(url, "migrate", "--verbosity=0", directory=former)
        manage(url, "add_account", "brand-a", "--token", A, directory=former)
        with (
            running_gunicorn(tmp_path / "output", place=str(former), DATABASE_URL=url) as server,
            LoadGenerator(server.port, clients=16, pause=0.02) as load,
        ):
            load.wait_for(200)
            manage(url, "migrate")
            with (
                running_gunicorn(tmp_path / "newer", DATABASE_URL=url) as newer,
                LoadGenerator(
                    newer.port, clients=16, pause=0.02, requests=mixed_requests(1_000_000)
                ) as newer_load,
            ):
                newer_load.wait_for(200)
                load.wait_for(200, since=time.monotonic())
        plan = manage(url, "showmigrations", "verification", "--plan")
        assert f"[X]  verification.{migration.removesuffix('.py')}" in plan
        check_roll_out([*load.answers, *newer_load.answers], url, migration, figure)
        manage(postgresql.url("postgres"), "migrate", "--verbosity=0")
        assert postgresql.schema() == postgresql.schema("postgres")


def test_sqlite_has_the_same_schema_whether_migrated_step_by_step_or_at_once(
    tmp_path: Path,
) -> None:
    former = extract_code_before(newest_migration(), tmp_path / "former")
    grown, fresh = tmp_path / "grown.sqlite3", tmp_path / "fresh.sqlite3"
    manage(f"sqlite:///{grown}", "migrate", "--verbosity=0", directory=former)
    manage(f"sqlite:///{grown}", "add_account", "brand-a", "--token", A, directory=former)
    for database in (grown, fresh):
        manage(f"sqlite:///{database}", "migrate", "--verbosity=0")

    assert schema_of(grown) == schema_of(fresh)
    assert "is intact" in manage(f"sqlite:///{grown}", "verify_audit")


def schema_of(database: Path) -> list[tuple[str, str]]:
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute("SELECT name, sql FROM sqlite_master ORDER BY name").fetchall()


def check_roll_out(answers: list[Answer], url: str, migration: str, figure: RecordFigure) -> None:
    compared = compare_with_log(answers, url)
    refused = sum(answer.status == 503 for answer in answers)
    others = sum(answer.status not in {200, 400, 403, 503} for answer in answers)
    figure(
        f"{migration.removesuffix('.py')} runs while the previous code serves, then both do",
        target="0 × 5xx but 503, 0 lost; a log of few rows",
        measured=f"{others} × other, {refused} × 503, {compared.missing} lost of {len(answers):,}",
        is_met=not (others or compared.missing),
    )
    assert (compared.missing, compared.duplicates, compared.wrong, others) == (0, 0, 0, 0)
    assert "is intact" in manage(url, "verify_audit")


def test_a_dump_taken_under_load_is_intact_when_restored_and_records_again(
    postgresql: PostgreSQLServer, tmp_path: Path, figure: RecordFigure
) -> None:
    url, restored = postgresql.url(), postgresql.url("restored")
    with (
        running_gunicorn(tmp_path / "output", DATABASE_URL=url) as server,
        LoadGenerator(server.port, clients=16, pause=0.02) as load,
    ):
        while len(load.answers) < short_or_long(30, 10_000):
            load.wait_for(200, since=time.monotonic())
        postgresql.call("pg_dump", "--format=custom", "--file=dump", url)
    postgresql.call("psql", "--command=CREATE DATABASE restored", url)
    postgresql.call("pg_restore", "--exit-on-error", f"--dbname={restored}", "dump")
    before = manage(restored, "verify_audit")
    with (
        running_gunicorn(tmp_path / "again", DATABASE_URL=restored) as server,
        LoadGenerator(server.port, clients=4, limit=100) as others,
    ):
        others.wait()
    after = manage(restored, "verify_audit")

    is_met = "is intact" in before and "is intact" in after
    figure(
        "A dump taken under load is intact when restored, and records again",
        target="verify_audit passes, and again after 100 requests more",
        measured=before.splitlines()[0],
        is_met=is_met,
    )
    assert is_met
    assert {answer.status for answer in others.answers} == {200, 400, 403}
