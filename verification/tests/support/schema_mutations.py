"""Mutate the schema in every way that the owner of the tables can, with a few statements each.

The mutations are generated: each kind of object, with each of its properties.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from django.db import connection

from verification.audit_log.schema_check import expected_schema
from verification.db.catalog import SchemaPart

#: Another type for each type, and a default.
OTHER_TYPES = {
    "smallint": ("integer", "7"),
    "integer": ("bigint", "7"),
    "bigint": ("numeric", "7"),
    "boolean": ("text", "true"),
    "text": ("character varying(4000)", "'x'"),
    "bytea": ("text", r"'\x00'"),
    "jsonb": ("json", "'{}'"),
    "uuid": ("text", "gen_random_uuid()"),
    "inet": ("cidr", "'192.0.2.1'"),
    "timestamp with time zone": ("timestamp without time zone", "now()"),
}
NEW_FUNCTION = """
CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'"""


class SchemaMutation(NamedTuple):
    kind: str
    names: str  #: a text that the report must contain
    sql: str

    def __str__(self) -> str:
        return f"{self.kind}: {' '.join(self.sql.split())}"


def generate_mutations() -> Iterator[SchemaMutation]:
    """Yield all mutations. PostgreSQL refuses some, such as a primary key without NOT NULL."""
    for part, definition in sorted(expected_schema().items()):
        generate = GENERATORS[part.kind]
        for kind, sql in generate(part, definition):
            yield SchemaMutation(f"{part.kind}: {kind}", part.name or part.table, sql)
    yield from mutate_settings()


Statements = Iterator[tuple[str, str]]


def mutate_table(part: SchemaPart, _definition: str) -> Statements:
    table = part.table
    yield "missing", f"ALTER TABLE {table} RENAME TO moved"
    yield "dropped", f"DROP TABLE {table} CASCADE"
    view = f"ALTER TABLE {table} RENAME TO moved; CREATE {{}}VIEW {table} AS SELECT * FROM moved"
    yield "view", view.format("")
    yield "materialized view", view.format("MATERIALIZED ")
    yield (
        "partitioned",
        f"ALTER TABLE {table} RENAME TO moved;"
        f"CREATE TABLE {table} (LIKE moved) PARTITION BY HASH (id)",
    )
    yield (
        "copy",
        f"ALTER TABLE {table} RENAME TO moved; CREATE TABLE {table} (LIKE moved INCLUDING ALL)",
    )
    yield "unlogged", f"ALTER TABLE {table} SET UNLOGGED"
    yield "temporary in front", f"CREATE TEMPORARY TABLE {table} (LIKE {table} INCLUDING ALL)"
    yield (
        "schema in front",
        f"CREATE SCHEMA front; CREATE TABLE front.{table} (LIKE {table} INCLUDING ALL);"
        "SET LOCAL search_path = front, public",
    )
    yield (
        "other schema",
        f"CREATE SCHEMA other; ALTER TABLE {table} SET SCHEMA other;"
        "SET LOCAL search_path = public, other",
    )
    yield "row security", f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY"
    yield "row security of the owner", f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY"
    yield from add_to_table(table)


def add_to_table(table: str) -> Statements:
    yield "child", f"CREATE TABLE child () INHERITS ({table})"
    yield "parent", f"CREATE TABLE parent (); ALTER TABLE {table} INHERIT parent"
    yield "policy", f"CREATE POLICY hides ON {table} USING (false)"
    yield "rule on SELECT's rows", f"CREATE RULE hides AS ON UPDATE TO {table} DO INSTEAD NOTHING"
    yield "rule on INSERT", f"CREATE RULE hides AS ON INSERT TO {table} DO INSTEAD NOTHING"
    yield "rule beside", f"CREATE RULE beside AS ON DELETE TO {table} DO ALSO SELECT 1"
    yield "column", f"ALTER TABLE {table} ADD COLUMN extra integer"
    yield (
        "generated column",
        f"ALTER TABLE {table} ADD COLUMN extra integer GENERATED ALWAYS AS (1) STORED",
    )
    yield "unique index", f"CREATE UNIQUE INDEX extra ON {table} ((1))"
    yield "CHECK", f"ALTER TABLE {table} ADD CONSTRAINT extra CHECK (false)"
    yield "CHECK of no row", f"ALTER TABLE {table} ADD CONSTRAINT extra CHECK (true) NOT VALID"
    for level in ("ROW", "STATEMENT"):
        for when in ("BEFORE INSERT", "AFTER UPDATE", "BEFORE DELETE"):
            yield (
                f"trigger {when} {level}",
                f"{NEW_FUNCTION.format(name='extra')};"
                f"CREATE TRIGGER extra {when} ON {table} FOR EACH {level} EXECUTE FUNCTION extra()",
            )
    yield (
        "constraint trigger",
        f"{NEW_FUNCTION.format(name='extra')};"
        f"CREATE CONSTRAINT TRIGGER extra AFTER INSERT ON {table} DEFERRABLE"
        " FOR EACH ROW EXECUTE FUNCTION extra()",
    )
    yield (
        "index that calls a function",
        "CREATE FUNCTION extra(anyelement) RETURNS integer IMMUTABLE LANGUAGE sql AS 'SELECT 1';"
        f"CREATE INDEX extra ON {table} (extra({column_of(table)}))",
    )


def mutate_column(part: SchemaPart, definition: str) -> Statements:
    alter = f"ALTER TABLE {part.table} ALTER COLUMN {part.name}"
    name = definition.split(" NOT NULL")[0].split(" DEFAULT")[0].split(" IDENTITY")[0]
    other, default = OTHER_TYPES.get(name, ("text", "'x'"))
    yield "dropped", f"ALTER TABLE {part.table} DROP COLUMN {part.name} CASCADE"
    yield "renamed", f"ALTER TABLE {part.table} RENAME COLUMN {part.name} TO renamed"
    yield "type", f"{alter} TYPE {other} USING NULL::{other}"
    yield "domain", f"CREATE DOMAIN plain AS {name}; {alter} TYPE plain"
    yield "default", f"{alter} SET DEFAULT {default}"
    if "DEFAULT" in definition:
        yield "no default", f"{alter} DROP DEFAULT"
    yield "null", f"{alter} {'DROP' if 'NOT NULL' in definition else 'SET'} NOT NULL"
    if name.startswith("character varying"):
        yield "longer", f"{alter} TYPE character varying(4000)"
        yield "collation", f'{alter} TYPE {name} COLLATE "C"'
    if name in {"smallint", "integer", "bigint"}:
        verb = "SET" if "IDENTITY" in definition else "ADD"
        always = "GENERATED ALWAYS" if verb == "SET" else "GENERATED ALWAYS AS IDENTITY"
        yield "identity", f"{alter} {verb} {always}"
        yield "no identity", f"{alter} DROP IDENTITY"


def mutate_constraint(part: SchemaPart, definition: str) -> Statements:
    drop = f"ALTER TABLE {part.table} DROP CONSTRAINT {part.name} CASCADE"
    add = f"{drop}; ALTER TABLE {part.table} ADD CONSTRAINT {part.name}"
    yield "dropped", drop
    yield "renamed", f"ALTER TABLE {part.table} RENAME CONSTRAINT {part.name} TO renamed"
    if definition.startswith("CHECK"):
        yield "not valid", f"{add} {definition} NOT VALID"
        yield "weaker", f"{add} CHECK ({definition.removeprefix('CHECK ')} OR true)"
        yield "not inherited", f"{add} {definition} NO INHERIT"
    elif definition.startswith("FOREIGN KEY"):
        base = definition.removesuffix(" DEFERRABLE INITIALLY DEFERRED")
        yield "not valid", f"{add} {definition} NOT VALID"
        yield "immediate", f"{add} {base}"
        yield "initially immediate", f"{add} {base} DEFERRABLE"
        yield "disabled", f"ALTER TABLE {part.table} DISABLE TRIGGER ALL"
        yield "cascade", f"{add} {base} ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED"
    else:
        columns = definition[definition.index("(") :]
        yield "plain index", f"{drop}; CREATE INDEX {part.name} ON {part.table} {columns}"
        yield "unique index", f"{drop}; CREATE UNIQUE INDEX {part.name} ON {part.table} {columns}"
        yield "deferrable", f"{add} {definition} DEFERRABLE INITIALLY DEFERRED"
        yield "constant", f"{drop}; CREATE UNIQUE INDEX {part.name} ON {part.table} ((1))"


def mutate_index(part: SchemaPart, definition: str) -> Statements:
    drop, unique = f"DROP INDEX {part.name} CASCADE", "CREATE UNIQUE INDEX"
    head, rest = definition.split(" USING ")
    yield "dropped", drop
    invalid = "UPDATE pg_index SET indisvalid = false"
    yield "invalid", f"{invalid} WHERE indexrelid = '{part.name}'::regclass"
    yield "other columns", f"{drop}; {head} USING btree ((1))"
    if " WHERE " in definition:
        yield "no condition", f"{drop}; {definition.split(' WHERE ')[0]}"
    else:
        yield "condition", f"{drop}; {definition} WHERE false"
    if definition.startswith(unique):
        yield "not unique", f"{drop}; {definition.replace('UNIQUE ', '')}"
    elif " btree " in definition:
        yield "unique", f"{drop}; {definition.replace('CREATE INDEX', unique)}"
        yield "hash", f"{drop}; {head} USING hash {rest.removeprefix('btree ')}"


def mutate_trigger(part: SchemaPart, definition: str) -> Statements:
    drop = f"DROP TRIGGER {part.name} ON {part.table}"
    alter = f"ALTER TABLE {part.table} {{}} TRIGGER {part.name}"
    yield "dropped", drop
    yield "disabled", alter.format("DISABLE")
    yield "replicas only", alter.format("ENABLE REPLICA")
    yield "renamed", f"ALTER TRIGGER {part.name} ON {part.table} RENAME TO renamed"
    yield "WHEN (false)", f"{drop}; {definition.replace('EXECUTE', 'WHEN (false) EXECUTE')}"
    for event in ("UPDATE", "DELETE", "TRUNCATE"):
        if f" {event} ON" in definition:
            yield "other event", f"{drop}; {definition.replace(f' {event} ON', ' INSERT ON')}"
    if "UPDATE ON" in definition:
        of_column = definition.replace("UPDATE ON", f"UPDATE OF {column_of(part.table)} ON")
        yield "one column", f"{drop}; {of_column}"
    if "EACH ROW" in definition:
        yield "other level", f"{drop}; {definition.replace('EACH ROW', 'EACH STATEMENT')}"
    yield "argument", f"{drop}; {definition.removesuffix('()')}('none')"
    head = definition.rpartition(" ")[0]
    yield "other function", f"{NEW_FUNCTION.format(name='other')}; {drop}; {head} other()"
    yield (
        "function of another schema",
        f"CREATE SCHEMA other; {NEW_FUNCTION.format(name=f'other.{part.name}')};"
        f"{drop}; {head} other.{part.name}()",
    )


def mutate_trigger_function(part: SchemaPart, _definition: str) -> Statements:
    alter = f"ALTER FUNCTION {part.name}()"
    yield (
        "body",
        NEW_FUNCTION.format(name=part.name).replace("CREATE", "CREATE OR REPLACE"),
    )
    yield "bypass", f"{alter} SET verification.bypass = 'empty'"
    yield "replica", f"{alter} SET session_replication_role = replica"
    yield "search path", f"{alter} SET search_path = other"
    yield "security definer", f"{alter} SECURITY DEFINER"
    yield "immutable", f"{alter} IMMUTABLE"
    yield "moved", f"CREATE SCHEMA other; {alter} SET SCHEMA other"


def mutate_function(part: SchemaPart, definition: str) -> Statements:
    name, alter = part.name, f"ALTER ROUTINE {part.name}"
    arguments = definition[1:].split(")")[0]
    replacement = f"{name}({arguments}) RETURNS boolean LANGUAGE sql AS 'SELECT true'"
    yield "dropped", f"DROP ROUTINE {name}"
    yield "renamed", f"{alter} RENAME TO renamed"
    yield "search path", f"{alter} SET search_path = other"
    yield "replica", f"{alter} SET session_replication_role = replica"
    yield "security definer", f"{alter} SECURITY DEFINER"
    yield "moved", f"CREATE SCHEMA other; {alter} SET SCHEMA other"
    yield "replaced", f"DROP ROUTINE {name}; CREATE FUNCTION {replacement}"
    yield "overloaded", f"CREATE FUNCTION {name}(a text) RETURNS text LANGUAGE sql AS 'SELECT a'"
    yield (
        "schema in front",
        f"CREATE SCHEMA front; CREATE FUNCTION front.{replacement};"
        "SET LOCAL search_path = front, public",
    )
    if ", stable" in definition:
        yield "immutable", f"{alter} IMMUTABLE"


def column_of(table: str) -> str:
    return next(part.name for part in expected_schema() if part[:2] == (table, "column"))


GENERATORS = {
    "table": mutate_table,
    "column": mutate_column,
    "constraint": mutate_constraint,
    "index": mutate_index,
    "trigger": mutate_trigger,
    "function of the trigger": mutate_trigger_function,
    "function": mutate_function,
}


def mutate_settings() -> Iterator[SchemaMutation]:
    database = connection.ops.quote_name(str(connection.settings_dict["NAME"]))
    values = {
        "session_replication_role": "replica",
        "verification.bypass": "empty",
        "zero_damaged_pages": "on",
    }
    for name, value in values.items():
        for whom in (
            f"DATABASE {database}",
            "ROLE CURRENT_USER",
            f"ROLE CURRENT_USER IN DATABASE {database}",
            "ROLE ALL",
        ):
            yield SchemaMutation("setting", name, f"ALTER {whom} SET {name} = '{value}'")
        yield SchemaMutation("setting: session", name, f"SET LOCAL {name} = '{value}'")
    yield SchemaMutation(
        "setting: session", "search_path", "SET LOCAL search_path = public, pg_catalog"
    )
    for types in ("text, text", "bigint, bigint", "varchar, varchar", "integer, integer"):
        left, right = types.split(", ")
        yield SchemaMutation(
            "operator",
            f"=({types})".replace(" ", "").replace("varchar", "character varying"),
            f"CREATE FUNCTION never({types}) RETURNS boolean LANGUAGE sql AS 'SELECT false';"
            f"CREATE OPERATOR = (LEFTARG = {left}, RIGHTARG = {right}, FUNCTION = never)",
        )
    for function in ("max(varchar)", "upper(varchar)", "count(varchar)"):
        yield SchemaMutation(
            "function",
            function.partition("(")[0],
            f"CREATE FUNCTION {function} RETURNS text LANGUAGE sql AS 'SELECT NULL::text'",
        )
    yield SchemaMutation(
        "schema", "is missing", "ALTER SCHEMA public RENAME TO moved; CREATE SCHEMA public"
    )
