"""Compares the database's schema with what migrations make: tables, triggers and functions.

The seals prove what the tables contain. A view, a rule or a trigger can show something else to the
people who read the log, so both must be as migrations made them. `script/write_schema` writes what
is expected into schema.json, after each change of a model or a trigger.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import NamedTuple

from django.apps import apps
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from verification.audit_log.schema_differences import Difference, compare
from verification.audit_log.triggers import missing_triggers
from verification.db.catalog import Description, SchemaPart, read_catalog

PATH = Path(__file__).with_name("schema.json")
#: What a difference may mean and what to do, in the same words everywhere.
DIFFERENCE_ADVICE = gettext_lazy(
    "Somebody may have opened the log to changes, or changed what people see of it. First keep the "
    "evidence, as docs/RUNBOOK.md says under “Chain broken”. Only then undo the change in the "
    "database."
)
#: What mends a part that `migrate` can make again. Each follows DIFFERENCE_ADVICE.
TRIGGER_ADVICE = gettext_lazy(
    "For a missing or altered trigger, run manage.py migrate, which installs it again."
)
FUNCTION_ADVICE = gettext_lazy(
    "For a missing or altered function, run manage.py migrate verification 0011 and then manage.py "
    "migrate."
)
NEWER_DATABASE = gettext_lazy("The database is newer than this release")
RESTART_ADVICE = gettext_lazy(
    "Restart all processes with the newer release. If all of them run the newest release already, "
    "no release made that migration: follow “Chain broken” in docs/RUNBOOK.md."
)
MIGRATIONS_MISSING = gettext_lazy("Migrations are missing")
MIGRATE_ADVICE = gettext_lazy(
    "Run manage.py migrate, and check the log again. If it says that nothing is to be migrated, or "
    "fails, follow “Chain broken” in docs/RUNBOOK.md."
)
#: The number of differences that /readyz and an alert name.
MAX_SENTENCES = 3


@dataclass(frozen=True)
class SchemaCheck:
    """The result of check_schema()."""

    differences: list[str] = field(default_factory=list)  #: a sentence each
    advice: str = ""  #: what to do about them
    is_newer: bool = False  #: a newer release has migrated the database, and nothing else differs
    is_older: bool = False  #: migrations of this release are missing, and nothing else differs
    lacks_migrations: bool = False

    @property
    def accuses_nobody(self) -> bool:
        return self.is_newer or self.is_older

    @property
    def title(self) -> str:
        if self.is_newer:
            return str(NEWER_DATABASE)
        if self.is_older:
            return str(MIGRATIONS_MISSING)
        return _("The database is not as migrations make it")

    @property
    def summary(self) -> list[str]:
        """Return the first differences, how many more there are, and what to do."""
        more = len(self.differences) - MAX_SENTENCES
        counted = _("{count} more: run manage.py verify_audit.").format(count=more)
        return [
            *self.differences[:MAX_SENTENCES],
            *([counted] if more > 0 else []),
            *([self.advice] if self.advice else []),
        ]


def check_schema(
    connection: BaseDatabaseWrapper, roll_out: timedelta = timedelta(0)
) -> SchemaCheck:
    """Compare the database with what migrations make. On SQLite, compare only the triggers.

    Another release may have migrated the database. Then that is a difference, and what that release
    may have made is none. What it cannot have made is a difference all the same. Within `roll_out`
    of a newer migration, that migration and what it added are no differences.
    """
    migrations = _compare_migrations(connection)
    differences = _find_differences(connection)
    if migrations.missing:
        differences = [found for found in differences if not found.may_be_older]
    if migrations.newer:
        differences = [found for found in differences if not found.is_addition]
    # A time in the future would leave out a newer migration until then.
    now, newest = timezone.now(), max(migrations.newer.values(), default=None)
    if newest and now - roll_out < newest <= now and not migrations.missing:
        differences = [found for found in differences if not found.is_added_trigger]
        if not differences:
            return SchemaCheck()
    return _describe(migrations, differences)


def _find_differences(connection: BaseDatabaseWrapper) -> list[Difference]:
    if connection.vendor == "postgresql":
        expected = expected_schema()
        catalog = read_catalog(connection, {part.table for part in expected})
        return list(compare(expected, catalog))
    return [
        Difference(SchemaPart(missing.table, "trigger", missing.name), None, missing.definition)
        for missing in missing_triggers(connection)
    ]


def _describe(migrations: Migrations, differences: Sequence[Difference]) -> SchemaCheck:
    sentences: list[str] = []
    advice: list[object] = []
    if migrations.missing:
        sentence = _("Migrations are missing ({names}).")
        sentences.append(sentence.format(names=", ".join(migrations.missing)))
        advice.append(MIGRATE_ADVICE)
    if migrations.newer:
        sentence = _(
            "A newer release has migrated the database ({names}), so this release does not know "
            "all of it."
        )
        sentences.append(sentence.format(names=", ".join(sorted(migrations.newer))))
        advice.append(RESTART_ADVICE)
    if differences:
        # First, because migrating or restarting removes evidence.
        advice = [*_advice_on(differences), *advice]
    return SchemaCheck(
        [*sentences, *(difference.sentence for difference in differences)],
        " ".join(map(str, advice)),
        is_newer=bool(migrations.newer) and not (differences or migrations.missing),
        is_older=bool(migrations.missing) and not differences,
        lacks_migrations=bool(migrations.missing),
    )


def _advice_on(differences: Sequence[Difference]) -> list[object]:
    advice: list[object] = [DIFFERENCE_ADVICE]
    if any(found.is_mended_by_migrate for found in differences):
        advice.append(TRIGGER_ADVICE)
    if any(found.is_batch_function for found in differences):
        advice.append(FUNCTION_ADVICE)
    return advice


@cache
def expected_schema() -> Description:
    """Return what migrations make, which schema.json holds by table."""
    stored = json.loads(PATH.read_text())
    return {
        SchemaPart(table, kind, name): definition
        for table, kinds in stored.items()
        for kind, definitions in kinds.items()
        for name, definition in definitions.items()
    }


def write_expected_schema(connection: BaseDatabaseWrapper) -> None:
    """Write the schema of this database, which must be freshly migrated, into schema.json."""
    stored: dict[str, dict[str, dict[str, str]]] = {}
    for part, definition in sorted(migrated_schema(connection).items()):
        stored.setdefault(part.table, {}).setdefault(part.kind, {})[part.name] = definition
    PATH.write_text(json.dumps(stored, indent=1) + "\n")


def migrated_schema(connection: BaseDatabaseWrapper) -> Description:
    """Describe all tables of this app, as they are in this database."""
    models = apps.get_app_config("verification").get_models(include_auto_created=True)
    return read_catalog(connection, {model._meta.db_table for model in models}).parts


class Migrations(NamedTuple):
    """The migrations in which the database and this release differ."""

    newer: dict[str, datetime]  #: the times of applied ones that this release does not have
    missing: list[str]  #: those of this release that are not applied


def _compare_migrations(connection: BaseDatabaseWrapper) -> Migrations:
    applied = {
        name: migration.applied
        for (app, name), migration in MigrationRecorder(connection).applied_migrations().items()
        if app == "verification"
    }
    if not applied:
        # No release left this: the table of migrations is gone, or is another one.
        return Migrations({}, [])
    ours = _our_migrations()
    replaced = {name for names in ours.values() for name in names}
    return Migrations(
        {name: at for name, at in applied.items() if name not in ours and name not in replaced},
        [
            name
            for name, replaces in ours.items()
            if name not in applied and not (replaces and replaces <= applied.keys())
        ],
    )


@cache
def _our_migrations() -> dict[str, set[str]]:
    """Return the migrations of this release, each with those that it replaces."""
    loader = MigrationLoader(None, ignore_no_migrations=True)
    return {
        name: {replaced for _app, replaced in migration.replaces}
        for (app, name), migration in sorted(loader.disk_migrations.items())
        if app == "verification"
    }
