"""Add the platform of an account, and what WeCom and decrypted forwarding need.

verification_read stays for processes of the release before, which call it during a roll-out.
"""

from __future__ import annotations

from typing import Any

import django.db.models.deletion
from django.db import migrations, models

PLATFORMS = [(1, "Official account"), (2, "Mini Program"), (3, "WeCom app")]
DELIVERY_RESULTS = [
    (1, "Delivered"),
    (2, "Unusable reply"),
    (3, "Connection refused"),
    (4, "Name not found"),
    (5, "No answer in time"),
    (6, "No secure connection"),
    (7, "Connection lost"),
    (8, "Answer is not HTTP"),
    (9, "Redirect"),
    (10, "Refused by the backend"),
    (11, "Error of the backend"),
    (12, "Reply too large"),
    (13, "Forbidden address"),
    (14, "Too many at a time"),
    (15, "Signature used too often"),
    (16, "Loop"),
    (17, "Spool full"),
    (18, "Encryption key missing"),
    (19, "Message not decrypted"),
]
CREATE = r"""
-- Returns a row for each account with each of its live tokens, the newest first, or one row without
-- an account. All have the head and the clock. Live means live at `at`, or else by that clock.
-- Only pushes and WeCom's calls need keys and backends, so another batch does not pay for the joins.
-- Some variables have names of columns: use_column lets such a name mean the column.
CREATE FUNCTION verification_read_accounts(
    slugs text[], at_root integer, with_settings boolean, at timestamptz
) RETURNS TABLE (
    last_attempt_id bigint, last_seal_id bigint, last_digest bytea, last_recorded_at timestamptz,
    clock timestamptz,
    account_id bigint, slug text, is_paused boolean, answers_at_root boolean,
    platform integer,
    token_id bigint, secret text, is_unused boolean,
    receive_ids text, aes_keys text, was_encrypted boolean, backend_url text, on_failure text,
    forwards_decrypted boolean, backend_secret text, previous_secret text, failures bigint,
    is_probe_due boolean, has_waiting boolean
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
    IF with_settings THEN
        RETURN QUERY
        SELECT head.last_attempt_id, head.last_seal_id, head.last_digest, head.last_recorded_at,
            clock_timestamp(),
            account.id::bigint, account.slug::text, account.is_paused, account.answers_at_root,
            account.platform::integer,
            token.id::bigint, token.secret::text, token.first_used_at IS NULL,
            concat_ws(E'\n', NULLIF(account.app_id, ''), NULLIF(account.suite_id, '')),
            (SELECT string_agg(aes_key.id
                    || CASE WHEN aes_key.first_used_at IS NULL THEN ':1' ELSE ':0' END
                    || CASE WHEN aes_key.failed_at IS NULL THEN ':0:' ELSE ':1:' END
                    || aes_key.secret, ' ')
                FROM verification_aeskey aes_key WHERE aes_key.account_id = account.id
                    AND aes_key.secret IS NOT NULL
                    AND (aes_key.expires_at IS NULL OR aes_key.expires_at > now)),
            EXISTS (SELECT FROM verification_aeskey aes_key
                WHERE aes_key.account_id = account.id AND aes_key.first_used_at IS NOT NULL),
            backend.url::text, backend.on_failure::text,
            backend.forwards_decrypted, backend.secret::text,
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
            account.platform::integer,
            token.id::bigint, token.secret::text, token.first_used_at IS NULL,
            '', NULL::text, NULL::boolean, NULL::text, NULL::text, NULL::boolean, NULL::text,
            NULL::text, NULL::bigint, NULL::boolean, NULL::boolean
        FROM (SELECT) AS one
            LEFT JOIN verification_chainhead head ON true
            LEFT JOIN verification_officialaccount account ON account.id = ANY (ids)
            LEFT JOIN verification_token token ON token.account_id = account.id
                AND token.secret IS NOT NULL
                AND (token.expires_at IS NULL OR token.expires_at > now)
        ORDER BY account.id, token.id DESC;
    END IF;
END $$"""
# A function may be missing: migrating back and forth creates it again.
DROP = """
DROP ROUTINE IF EXISTS verification_read_accounts(text[], integer, boolean, timestamptz)"""


def create(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "postgresql":
        with schema_editor.connection.cursor() as cursor:
            cursor.execute(CREATE)


def drop(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "postgresql":
        with schema_editor.connection.cursor() as cursor:
            cursor.execute(DROP)


class Migration(migrations.Migration):
    dependencies = [("verification", "0012_batch_functions")]

    operations = [
        migrations.AddField(
            "OfficialAccount",
            "platform",
            models.SmallIntegerField(
                choices=PLATFORMS,
                db_default=1,
                default=1,
                help_text="It cannot change once the platform has called successfully.",
                verbose_name="platform",
            ),
        ),
        migrations.AddField(
            "OfficialAccount",
            "suite_id",
            models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="Only for a third-party app (第三方应用) of WeCom.",
                max_length=40,
                verbose_name="SuiteID",
            ),
        ),
        migrations.AddField(
            "Backend",
            "forwards_decrypted",
            models.BooleanField(
                db_default=False, default=False, verbose_name="forward messages decrypted"
            ),
        ),
        migrations.AlterField(
            "Backend",
            "last_failure",
            models.SmallIntegerField(choices=DELIVERY_RESULTS, editable=False, null=True),
        ),
        migrations.AlterField(
            "Delivery",
            "last_result",
            models.SmallIntegerField(choices=DELIVERY_RESULTS, null=True, verbose_name="reason"),
        ),
        migrations.AlterField(
            "DeliveryTally", "result", models.SmallIntegerField(choices=DELIVERY_RESULTS)
        ),
        migrations.RunPython(create, drop),
        # The names that the admin shows. They change nothing in the database.
        migrations.AlterModelOptions(
            "OfficialAccount",
            {
                "ordering": ["name", "id"],
                "verbose_name": "account",
                "verbose_name_plural": "accounts",
            },
        ),
        migrations.AlterField(
            "AESKey",
            "account",
            models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="aes_keys",
                to="verification.officialaccount",
                verbose_name="account",
            ),
        ),
        migrations.AlterField(
            "Backend",
            "account",
            models.OneToOneField(
                on_delete=django.db.models.deletion.CASCADE,
                primary_key=True,
                related_name="backend",
                serialize=False,
                to="verification.officialaccount",
                verbose_name="account",
            ),
        ),
        migrations.AlterField(
            "ChangeEvent",
            "account",
            models.ForeignKey(
                db_constraint=False,
                null=True,
                on_delete=django.db.models.deletion.DO_NOTHING,
                related_name="change_events",
                to="verification.officialaccount",
                verbose_name="account",
            ),
        ),
        migrations.AlterField(
            "Delivery",
            "account",
            models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="deliveries",
                to="verification.officialaccount",
                verbose_name="account",
            ),
        ),
        migrations.AlterField(
            "Tally",
            "account",
            models.ForeignKey(
                db_constraint=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="tallies",
                to="verification.officialaccount",
                verbose_name="account",
            ),
        ),
        migrations.AlterField(
            "Token",
            "account",
            models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="tokens",
                to="verification.officialaccount",
                verbose_name="account",
            ),
        ),
        migrations.AlterField(
            "VerificationAttempt",
            "account",
            models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="attempts",
                to="verification.officialaccount",
                verbose_name="account",
            ),
        ),
    ]
