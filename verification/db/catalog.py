"""Reads from PostgreSQL's catalogs how tables and functions are defined, as plain text.

The description is the same on all supported versions of PostgreSQL, in any schema, and after a
backup was restored. It leaves out what a database administrator may tune: indexes that refuse no
row, storage parameters, statistics, comments, rights, and tables of other names.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from django.db.backends.base.base import BaseDatabaseWrapper


class SchemaPart(NamedTuple):
    """Names a part of a table, such as a column. Settings and functions have no table."""

    table: str
    kind: str
    name: str


#: The definition of each part of a schema.
Description = dict[SchemaPart, str]

#: Settings that change what triggers do, or which rows are read. They are looked for in the session
#: and in what ALTER DATABASE and ALTER ROLE set for it. Their values are the defaults.
SETTINGS = {
    "session_replication_role": "origin",
    "verification.bypass": "",
    "zero_damaged_pages": "off",
}

_APP = """
WITH app AS MATERIALIZED (
    SELECT c.oid, names.name, c.relkind, c.relpersistence, c.relam, c.relnamespace, c.reloftype,
        c.relrowsecurity, c.relforcerowsecurity,
        (SELECT relnamespace FROM pg_class WHERE oid = to_regclass('django_migrations')) AS home
    FROM unnest(%(tables)s::text[]) AS names (name)
    JOIN pg_class c ON c.oid = to_regclass(quote_ident(names.name))
)"""

# The last column says whether a part that no migration made is harmless.
_TABLES = """
SELECT app.name, 'table', '', concat_ws(', ',
    CASE relkind WHEN 'r' THEN 'plain table' WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view'
        WHEN 'p' THEN 'partitioned table' WHEN 'f' THEN 'foreign table' ELSE 'no table' END,
    CASE relpersistence WHEN 't' THEN 'temporary' WHEN 'u' THEN 'unlogged' END,
    CASE WHEN relkind = 'r' AND amname <> 'heap' THEN 'access method ' || amname END,
    CASE WHEN relnamespace <> home THEN 'in another schema than django_migrations' END,
    CASE WHEN reloftype <> 0 THEN 'of a composite type' END,
    CASE WHEN relrowsecurity THEN 'with row security' END,
    CASE WHEN relforcerowsecurity THEN 'with row security for its owner' END), false
FROM app LEFT JOIN pg_am ON pg_am.oid = relam"""

_COLUMNS = """
SELECT app.name, 'column', attname, concat_ws(' ',
    format_type(atttypid, atttypmod),
    CASE WHEN typnamespace <> 'pg_catalog'::regnamespace THEN 'of another schema' END,
    CASE WHEN attcollation <> typcollation THEN 'COLLATE ' || attcollation::regcollation END,
    CASE WHEN attnotnull THEN 'NOT NULL' END,
    CASE attidentity WHEN 'a' THEN 'IDENTITY ALWAYS' WHEN 'd' THEN 'IDENTITY' END,
    CASE WHEN attgenerated <> '' THEN 'GENERATED' WHEN adbin IS NOT NULL THEN 'DEFAULT' END,
    pg_get_expr(adbin, adrelid)), false
FROM app JOIN pg_attribute ON attrelid = app.oid JOIN pg_type ON pg_type.oid = atttypid
    LEFT JOIN pg_attrdef ON adrelid = app.oid AND adnum = attnum
WHERE attnum > 0 AND NOT attisdropped"""

# PostgreSQL 18 lists NOT NULL as constraints; the columns have it. Constraint triggers are listed
# as triggers. A foreign key is kept by internal triggers, which can be disabled.
_CONSTRAINTS = """
SELECT app.name, 'constraint', conname, concat_ws(', ', pg_get_constraintdef(c.oid, true),
    CASE WHEN EXISTS (SELECT 1 FROM pg_trigger WHERE tgconstraint = c.oid
        AND tgenabled NOT IN ('O', 'A')) THEN 'disabled' END), false
FROM app JOIN pg_constraint c ON conrelid = app.oid WHERE contype NOT IN ('n', 't')"""

# An index that refuses no row is harmless unless it calls a function or an operator class that
# somebody wrote: built-in ones, and those of extensions, have no such dependency.
_INDEXES = """
SELECT app.name, 'index', relname, concat_ws(', ', pg_get_indexdef(indexrelid, 0, true),
    CASE WHEN NOT (indisvalid AND indisready AND indislive) THEN 'invalid' END),
    NOT (indisunique OR indisexclusion) AND NOT EXISTS (
        SELECT 1 FROM pg_depend d WHERE classid = 'pg_class'::regclass AND objid = indexrelid
            AND refclassid IN ('pg_proc'::regclass, 'pg_opclass'::regclass, 'pg_operator'::regclass)
            AND NOT EXISTS (SELECT 1 FROM pg_depend e WHERE e.classid = d.refclassid
                AND e.objid = d.refobjid AND e.deptype = 'e'))
FROM app JOIN pg_index ON indrelid = app.oid JOIN pg_class ON pg_class.oid = indexrelid"""

_TRIGGERS = """
SELECT app.name, 'trigger', tgname, concat_ws(', ', pg_get_triggerdef(t.oid, true),
    CASE tgenabled WHEN 'D' THEN 'disabled' WHEN 'R' THEN 'for replicas only' END), false
FROM app JOIN pg_trigger t ON tgrelid = app.oid WHERE NOT tgisinternal"""

_TRIGGER_FUNCTIONS = """
SELECT app.name, 'function of the trigger', tgname, concat_ws(', ',
    'SHA-256 ' || encode(sha256(convert_to(prosrc, 'UTF8')), 'hex'), lanname,
    CASE provolatile WHEN 'i' THEN 'immutable' WHEN 's' THEN 'stable' END,
    CASE WHEN prosecdef THEN 'security definer' END,
    CASE WHEN pronamespace <> home THEN 'in another schema than django_migrations' END,
    'SET ' || array_to_string(proconfig, ', ')), true
FROM app JOIN pg_trigger ON tgrelid = app.oid JOIN pg_proc p ON p.oid = tgfoid
    JOIN pg_language ON pg_language.oid = prolang
WHERE NOT tgisinternal"""

# The functions that batches call. Another one of the same name, wherever in the search path it
# stands, may be called in place of one of them, so all of a name have one definition.
_BATCH_FUNCTIONS = """
SELECT '', 'function', proname, string_agg(concat_ws(', ',
    '(' || pg_get_function_identity_arguments(p.oid) || ')',
    'returns ' || pg_get_function_result(p.oid),
    'SHA-256 ' || encode(sha256(convert_to(prosrc, 'UTF8')), 'hex'), lanname,
    CASE provolatile WHEN 'i' THEN 'immutable' WHEN 's' THEN 'stable' END,
    CASE WHEN prosecdef THEN 'security definer' END, CASE WHEN proisstrict THEN 'strict' END,
    CASE WHEN pronamespace <> home THEN 'in another schema than django_migrations' END,
    'SET ' || array_to_string(proconfig, ', ')), '; ' ORDER BY pronamespace <> home, p.oid), false
FROM pg_proc p JOIN pg_language ON pg_language.oid = prolang,
    (SELECT relnamespace AS home FROM pg_class WHERE oid = to_regclass('django_migrations')) AS app
WHERE starts_with(proname, 'verification_')
    AND pronamespace IN (SELECT oid FROM pg_namespace
        WHERE nspname = ANY (current_schemas(false)))
GROUP BY proname"""

_OTHERS = """
SELECT app.name, 'rule', rulename, 'rule', false
FROM app JOIN pg_rewrite ON ev_class = app.oid WHERE relkind = 'r'
UNION ALL
SELECT app.name, 'policy', polname, 'policy', false FROM app JOIN pg_policy ON polrelid = app.oid
UNION ALL
SELECT app.name, 'parent', inhparent::regclass::text, 'parent', false
FROM app JOIN pg_inherits ON inhrelid = app.oid
UNION ALL
SELECT app.name, 'child', inhrelid::regclass::text, 'child', false
FROM app JOIN pg_inherits ON inhparent = app.oid"""

# Only what applies to this role in this database.
_SETTINGS = """
SELECT '', 'setting', split_part(setting, '=', 1) || CASE WHEN setrole = 0
    THEN ' of the database' ELSE ' of the role' END,
    substr(setting, strpos(setting, '=') + 1), false
FROM pg_db_role_setting, unnest(setconfig) AS setting
WHERE setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
    AND setrole IN (0, (SELECT oid FROM pg_roles WHERE rolname = session_user))
    AND split_part(setting, '=', 1) = ANY (%(settings)s)
UNION ALL
SELECT '', 'setting', name, current_setting(name, true), false
FROM unnest(%(settings)s::text[]) AS name WHERE current_setting(name, true) IS NOT NULL"""

# PostgreSQL prefers a function or an operator of exactly the types of a call, wherever in the
# search path it stands.
_SHADOWS = """
SELECT '', 'operator', o.oid::regoperator::text, 'operator', false FROM pg_operator o
WHERE oprnamespace <> 'pg_catalog'::regnamespace
    AND oprnamespace IN (SELECT oid FROM pg_namespace WHERE nspname = ANY (current_schemas(false)))
    AND EXISTS (SELECT 1 FROM pg_operator b WHERE b.oprname = o.oprname
        AND b.oprnamespace = 'pg_catalog'::regnamespace)
    AND NOT EXISTS (SELECT 1 FROM pg_type WHERE pg_type.oid IN (oprleft, oprright)
        AND typnamespace <> 'pg_catalog'::regnamespace)
    AND NOT EXISTS (SELECT 1 FROM pg_depend WHERE classid = 'pg_operator'::regclass
        AND objid = o.oid AND deptype = 'e')
UNION ALL
SELECT '', 'function', p.oid::regprocedure::text, 'function', false FROM pg_proc p
WHERE pronamespace <> 'pg_catalog'::regnamespace
    AND pronamespace IN (SELECT oid FROM pg_namespace WHERE nspname = ANY (current_schemas(false)))
    AND EXISTS (SELECT 1 FROM pg_proc b WHERE b.proname = p.proname
        AND b.pronamespace = 'pg_catalog'::regnamespace)
    AND NOT EXISTS (SELECT 1 FROM pg_type WHERE pg_type.oid = ANY (proargtypes)
        AND typnamespace <> 'pg_catalog'::regnamespace)
    AND NOT EXISTS (SELECT 1 FROM pg_depend WHERE classid = 'pg_proc'::regclass
        AND objid = p.oid AND deptype = 'e')
UNION ALL
SELECT '', 'setting', 'search_path', 'pg_catalog is not the first schema', false
WHERE (SELECT schema FROM unnest(current_schemas(true)) WITH ORDINALITY AS s (schema, position)
    WHERE NOT starts_with(schema, 'pg_temp') ORDER BY position LIMIT 1) <> 'pg_catalog'"""

# The texts of definitions depend on these settings.
_PINNED = """
SET LOCAL quote_all_identifiers = off; SET LOCAL "DateStyle" = 'ISO, MDY';
SET LOCAL standard_conforming_strings = on;"""

QUERY = _PINNED + "\nUNION ALL".join(
    [
        _APP + _TABLES,
        _COLUMNS,
        _CONSTRAINTS,
        _INDEXES,
        _TRIGGERS,
        _TRIGGER_FUNCTIONS,
        _BATCH_FUNCTIONS,
        _OTHERS,
        _SETTINGS,
        _SHADOWS,
    ]
)

_STORAGE = re.compile(r" WITH \([^()]*\)")
#: How PostgreSQL writes `column IN ('a', 'b')` of a varchar, until a backup is restored.
_CAST_ARRAY = re.compile(r"ANY \(\(?ARRAY\[([^][]*)\]\)?::text\[\]\)")
_VARCHAR = re.compile(r"'(?:[^']|'')*'::character varying")


class Catalog(NamedTuple):
    """Holds what the catalogs say."""

    parts: Description
    harmless: set[SchemaPart]  #: parts that may exist although no migration made them


def read_catalog(connection: BaseDatabaseWrapper, tables: Iterable[str]) -> Catalog:
    """Describe these tables, as an unqualified name finds them, the functions and the session.

    Every role may read it. Settings that have their default are left out.
    """
    with connection.cursor() as cursor:
        cursor.execute(QUERY, {"tables": sorted(tables), "settings": [*SETTINGS]})
        rows = cursor.fetchall()
    parts, harmless = {}, set()
    for *names, definition, is_harmless in rows:
        part, text = SchemaPart(*names), normalise(definition)
        if part.table or text != SETTINGS.get(part.name.partition(" ")[0]):
            parts[part] = text
        if is_harmless:
            harmless.add(part)
    return Catalog(parts, harmless)


def normalise(definition: str) -> str:
    """Return a definition as PostgreSQL would write it after a backup was restored, on one line."""
    text = _STORAGE.sub("", " ".join(definition.split()))
    return _CAST_ARRAY.sub(_cast_elements, text)


def _cast_elements(array: re.Match[str]) -> str:
    elements = _VARCHAR.sub(lambda element: f"{element[0]}::text", array[1])
    return f"ANY (ARRAY[{elements}])"
