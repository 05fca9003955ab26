"""Compares the database's schema with what migrations make: tables, triggers and functions.

The seals prove what the tables contain. A view, a rule or a trigger can show something else to the
people who read the log, so both must be as migrations made them. `script/write_schema` writes what
is expected into schema.json, after each change of a model or a trigger.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from itertools import takewhile
from pathlib import Path

from django.apps import apps
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, gettext_noop

from verification.audit_log.triggers import missing_triggers
from verification.db.catalog import Catalog, Description, SchemaPart, read_catalog

PATH = Path(__file__).with_name("schema.json")
#: What a difference may mean and what to do, in the same words everywhere.
DIFFERENCE_ADVICE = gettext_lazy(
    "Somebody may have opened the log to changes, or changed what people see of it. First keep the "
    "evidence, as docs/RUNBOOK.md says under “Chain broken”. Only then undo the change in the "
    "database. For a missing trigger, run manage.py migrate, which installs it again."
)
NEWER_DATABASE = gettext_lazy("The database is newer than this release")
RESTART_ADVICE = gettext_lazy("Restart all processes with the newer release.")
#: The number of differences that /readyz and an alert name.
MAX_SENTENCES = 3
#: The number of characters of a definition that a sentence quotes.
MAX_QUOTE = 100
#: The kinds of parts, as a sentence names one of them.
NAMES = {
    "table": gettext_noop("table {table}"),
    "column": gettext_noop("column {name} of {table}"),
    "constraint": gettext_noop("constraint {name} of {table}"),
    "index": gettext_noop("index {name} of {table}"),
    "trigger": gettext_noop("trigger {name} of {table}"),
    "function of the trigger": gettext_noop("function of the trigger {name} of {table}"),
    "rule": gettext_noop("rule {name} of {table}"),
    "policy": gettext_noop("policy {name} of {table}"),
    "parent": gettext_noop("parent table {name} of {table}"),
    "child": gettext_noop("child table {name} of {table}"),
    "setting": gettext_noop("setting {name}"),
    "operator": gettext_noop("operator {name}"),
    "function": gettext_noop("function {name}"),
}


@dataclass(frozen=True)
class SchemaCheck:
    """The result of check_schema()."""

    differences: list[str] = field(default_factory=list)  #: a sentence each
    advice: str = ""  #: what to do about them
    is_newer: bool = False  #: a newer release has migrated the database, so they accuse nobody

    @property
    def title(self) -> str:
        if self.is_newer:
            return str(NEWER_DATABASE)
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

    If a newer release has migrated the database, this release does not know what to expect. That
    is reported as one difference, or as none within `roll_out` of that migration.
    """
    if connection.vendor != "postgresql":
        parts = [
            SchemaPart(found.table, "trigger", found.name) for found in missing_triggers(connection)
        ]
        missing = [_("The {part} is missing.").format(part=_name(part)) for part in parts]
        return SchemaCheck(missing, str(DIFFERENCE_ADVICE) if missing else "")
    expected = expected_schema()
    catalog = read_catalog(connection, {part.table for part in expected})
    differences = list(_compare(expected, catalog))
    newer = _newer_migrations(connection) if differences else {}
    if not newer:
        return SchemaCheck(differences, str(DIFFERENCE_ADVICE) if differences else "")
    now = timezone.now()
    # A time in the future would hide all differences until then.
    if now - roll_out < max(newer.values()) <= now:
        return SchemaCheck()
    sentence = _(
        "A newer release has migrated the database ({names}), so this release does not know how "
        "its tables should be."
    ).format(names=", ".join(sorted(newer)))
    return SchemaCheck([sentence], str(RESTART_ADVICE), is_newer=True)


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


def _compare(expected: Description, catalog: Catalog) -> Iterator[str]:
    found = catalog.parts
    replaced = {part.table for part in expected if part.table and _is_replaced(part, found)}
    for part in sorted({*expected, *found}):
        if part.table in replaced and part.kind != "table":
            continue  # one sentence says that the table is missing, or is no table
        if part not in found:
            if not _has_substitute(part, expected, found):
                yield _("The {part} is missing.").format(part=_name(part))
        elif part not in expected:
            if not (part in catalog.harmless or _has_substitute(part, found, expected)):
                yield _describe_extra(part, found[part])
        elif found[part] != expected[part]:
            yield _describe_change(part, found[part], expected[part])


def _is_replaced(part: SchemaPart, found: Description) -> bool:
    kind = found.get(SchemaPart(part.table, "table", ""), "")
    return not kind.startswith("plain table")


def _has_substitute(part: SchemaPart, ours: Description, others: Description) -> bool:
    """Return whether the others have what takes the place of this part.

    An index may have another name, as during a REINDEX. The new one is invalid until it is
    complete, and must not take the place of an expected one until then. The function of a trigger
    that only one side has needs no sentence of its own.
    """
    if part.kind == "function of the trigger":
        return True
    if part.kind != "index":
        return False
    index = _without_name(ours[part].removesuffix(", invalid"))
    return any(
        other[:2] == part[:2] and _without_name(definition) == index
        for other, definition in others.items()
    )


def _without_name(index: str) -> tuple[bool, str]:
    create, _on, rest = index.partition(" ON ")
    return "UNIQUE" in create.split(" ", 2)[:2], rest


def _describe_extra(part: SchemaPart, definition: str) -> str:
    if part.kind == "setting":
        sentence = _("The {part} is “{found}”, which may open the log to changes or hide rows.")
        return sentence.format(part=_name(part), found=definition[:MAX_QUOTE])
    return _("No migration made the {part}.").format(part=_name(part))


def _describe_change(part: SchemaPart, found: str, expected: str) -> str:
    """Name the words in which two definitions differ."""
    present, wanted = found.split(" "), expected.split(" ")
    start = _count_equal(present, wanted)
    end = _count_equal(present[start:][::-1], wanted[start:][::-1])
    has, lacks = (" ".join(words[start : len(words) - end]) for words in (present, wanted))
    if not lacks:
        sentence = _("The {part} is not as migrations make it: it also has “{has}”.")
    elif not has:
        sentence = _("The {part} is not as migrations make it: it lacks “{lacks}”.")
    else:
        sentence = _("The {part} is not as migrations make it: “{has}” instead of “{lacks}”.")
    return sentence.format(part=_name(part), has=has[:MAX_QUOTE], lacks=lacks[:MAX_QUOTE])


def _count_equal(one: list[str], other: list[str]) -> int:
    """Return how many words at the beginning are equal."""
    pairs = zip(one, other, strict=False)
    return len(list(takewhile(lambda pair: pair[0] == pair[1], pairs)))


def _name(part: SchemaPart) -> str:
    return _(NAMES[part.kind]).format(table=part.table, name=part.name)


def _newer_migrations(connection: BaseDatabaseWrapper) -> dict[str, datetime]:
    """Return the times of applied migrations that this release does not have, by their names."""
    applied = MigrationRecorder(connection).applied_migrations()
    return {
        name: migration.applied
        for (app, name), migration in applied.items()
        if app == "verification" and name not in _known_migrations()
    }


@cache
def _known_migrations() -> set[str]:
    loader = MigrationLoader(None, ignore_no_migrations=True)
    ours = {key: found for key, found in loader.disk_migrations.items() if key[0] == "verification"}
    replaced = {name for migration in ours.values() for _app, name in migration.replaces}
    return {name for _app, name in ours} | replaced
