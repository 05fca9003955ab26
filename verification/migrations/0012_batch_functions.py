"""Create the functions through which a batch is read and written in two round trips.

PostgreSQL keeps the plans of their statements for as long as a session lives, also behind a pooler
that gives each transaction another session. Processes of the release before do not call them.

A function that a release calls stays as it is, because processes of two releases run at once during
a roll-out: to change one, create one of another name.
"""

from __future__ import annotations

from typing import Any

from django.db import migrations

# `timestamp` is quoted because it is also a type. All backslashes are in E'', which means the same
# whatever the role sets standard_conforming_strings to.
CREATE = r"""
-- Returns a row for each account with each of its live tokens, the newest first, or one row without
-- an account. All have the head and the clock. Live means live at `at`, or else by that clock.
-- Only pushes need backends, so another batch does not pay for the joins.
-- Some variables have names of columns: use_column lets such a name mean the column.
CREATE FUNCTION verification_read(
    slugs text[], at_root integer, with_backends boolean, at timestamptz
) RETURNS TABLE (
    last_attempt_id bigint, last_seal_id bigint, last_digest bytea, last_recorded_at timestamptz,
    clock timestamptz,
    account_id bigint, slug text, is_paused boolean, answers_at_root boolean,
    token_id bigint, secret text, is_unused boolean,
    app_id text, aes_keys text, backend_url text, on_failure text,
    backend_secret text, previous_secret text, failures bigint, is_probe_due boolean,
    has_waiting boolean
) LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan SET jit = off AS $$
#variable_conflict use_column
DECLARE
    now CONSTANT timestamptz := COALESCE(at, clock_timestamp());
    ids bigint[];
BEGIN
    PERFORM set_config('lock_timeout', '1500ms', true);
    ids := ARRAY(SELECT id FROM verification_officialaccount WHERE slug = ANY (slugs));
    IF at_root > 0 THEN
        ids := ids || ARRAY(
            SELECT id FROM verification_officialaccount WHERE answers_at_root
            ORDER BY id LIMIT at_root);
    END IF;
    IF with_backends THEN
        RETURN QUERY
        SELECT head.last_attempt_id, head.last_seal_id, head.last_digest, head.last_recorded_at,
            clock_timestamp(),
            account.id::bigint, account.slug::text, account.is_paused, account.answers_at_root,
            token.id::bigint, token.secret::text, token.first_used_at IS NULL,
            account.app_id::text,
            (SELECT string_agg(aes_key.id
                    || CASE WHEN aes_key.first_used_at IS NULL THEN ':1' ELSE ':0' END
                    || CASE WHEN aes_key.failed_at IS NULL THEN ':0:' ELSE ':1:' END
                    || aes_key.secret, ' ')
                FROM verification_aeskey aes_key WHERE aes_key.account_id = account.id
                    AND aes_key.secret IS NOT NULL
                    AND (aes_key.expires_at IS NULL OR aes_key.expires_at > now)),
            backend.url::text, backend.on_failure::text, backend.secret::text,
            CASE WHEN backend.previous_secret_ends_at > now THEN backend.previous_secret::text END,
            backend.failures::bigint, backend.next_probe_at <= now,
            backend.url IS NOT NULL AND EXISTS (SELECT 1 FROM verification_delivery delivery
                WHERE delivery.account_id = account.id AND delivery.state = 1)
        FROM (SELECT) AS one
            LEFT JOIN verification_chainhead head ON true
            LEFT JOIN verification_officialaccount account ON account.id = ANY (ids)
            LEFT JOIN verification_token token ON token.account_id = account.id
                AND token.secret IS NOT NULL
                AND (token.expires_at IS NULL OR token.expires_at > now)
            LEFT JOIN verification_backend backend ON backend.account_id = account.id
        ORDER BY account.id, token.id DESC;
    ELSE
        RETURN QUERY
        SELECT head.last_attempt_id, head.last_seal_id, head.last_digest, head.last_recorded_at,
            clock_timestamp(),
            account.id::bigint, account.slug::text, account.is_paused, account.answers_at_root,
            token.id::bigint, token.secret::text, token.first_used_at IS NULL,
            '', NULL::text, NULL::text, NULL::text, NULL::text, NULL::text, NULL::bigint,
            NULL::boolean, NULL::boolean
        FROM (SELECT) AS one
            LEFT JOIN verification_chainhead head ON true
            LEFT JOIN verification_officialaccount account ON account.id = ANY (ids)
            LEFT JOIN verification_token token ON token.account_id = account.id
                AND token.secret IS NOT NULL
                AND (token.expires_at IS NULL OR token.expires_at > now)
        ORDER BY account.id, token.id DESC;
    END IF;
END $$;

-- Writes a batch: its canonical lines as attempts, their seal and the head, and the tallies. OFFSET 0
-- lets PostgreSQL split a line once, and not again for each column.
CREATE FUNCTION verification_write(
    lines text, tallies text, seal bigint, first_attempt bigint, attempts integer, version integer,
    key text, digest bytea, mac bytea, at timestamptz
) RETURNS void LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    IF lines <> '' THEN
        INSERT INTO verification_verificationattempt (
            id, recorded_at, seal_id, account_id, token_id, duration, clock_skew, occurrences,
            kind, method, outcome, reason, status, marks, request_id, signature, client_ip,
            detail, path_slug, "timestamp", nonce, echostr, user_agent, host)
        SELECT part[1]::bigint, part[2]::timestamptz, part[3]::bigint, part[4]::bigint,
            part[5]::bigint, part[6]::integer, part[7]::integer, part[8]::integer,
            part[9]::smallint, part[10]::smallint, part[11]::smallint, part[12]::smallint,
            part[13]::smallint, part[14]::smallint, part[15]::uuid, substr(part[16], 2)::bytea,
            part[17]::inet,
            replace(part[18], E'\\\\', E'\\'), replace(part[19], E'\\\\', E'\\'),
            replace(part[20], E'\\\\', E'\\'), replace(part[21], E'\\\\', E'\\'),
            replace(part[22], E'\\\\', E'\\'), replace(part[23], E'\\\\', E'\\'),
            replace(part[24], E'\\\\', E'\\')
        FROM (SELECT string_to_array(line, E'\t', E'\\N') AS part
            FROM unnest(string_to_array(lines, E'\n')) AS line OFFSET 0) AS parts;
        INSERT INTO verification_seal (id, first_id, count, version, key_id, digest, mac)
        VALUES (seal, first_attempt, attempts, version, key, digest, mac);
        UPDATE verification_chainhead
        SET last_attempt_id = first_attempt + attempts - 1, last_seal_id = seal,
            last_digest = digest, last_recorded_at = at;
    END IF;
    INSERT INTO verification_tally AS tally
        (account_id, hour, kind, outcome, count, noise, last_at)
    SELECT part[1]::bigint, date_trunc('hour', at, 'UTC'), part[2]::smallint, part[3]::smallint,
        part[4]::bigint, part[5]::bigint, at
    FROM (SELECT string_to_array(line, E'\t', E'\\N') AS part
        FROM unnest(string_to_array(tallies, E'\n')) AS line OFFSET 0) AS parts
    ON CONFLICT (COALESCE(account_id, 0), hour, kind, outcome) DO UPDATE
    SET count = tally.count + excluded.count, noise = tally.noise + excluded.noise,
        last_at = excluded.last_at;
END $$;

-- Writes a batch if the chain still ends with the expected digest, and returns whether it did.
CREATE FUNCTION verification_record(
    expected_digest bytea,
    lines text, tallies text, seal bigint, first_attempt bigint, attempts integer, version integer,
    key text, digest bytea, mac bytea, at timestamptz
) RETURNS boolean LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    PERFORM 1 FROM verification_chainhead WHERE last_digest = expected_digest FOR UPDATE;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    PERFORM verification_write(
        lines, tallies, seal, first_attempt, attempts, version, key, digest, mac, at);
    RETURN true;
END $$"""
# A function may be missing: migrating back and forth creates it again. Another one of the same name
# stays, as evidence.
DROP = """
DROP ROUTINE IF EXISTS verification_record(bytea, text, text, bigint, bigint, integer, integer,
    text, bytea, bytea, timestamptz);
DROP ROUTINE IF EXISTS verification_write(text, text, bigint, bigint, integer, integer, text,
    bytea, bytea, timestamptz);
DROP ROUTINE IF EXISTS verification_read(text[], integer, boolean, timestamptz)"""


def create(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "postgresql":
        with schema_editor.connection.cursor() as cursor:
            cursor.execute(CREATE)


def drop(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "postgresql":
        with schema_editor.connection.cursor() as cursor:
            cursor.execute(DROP)


class Migration(migrations.Migration):
    dependencies = [("verification", "0011_floods")]

    operations = [migrations.RunPython(create, drop)]
