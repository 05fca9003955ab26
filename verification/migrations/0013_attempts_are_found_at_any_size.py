"""The list of attempts answers as fast at ten million rows as at ten thousand.

In place of the index by account and outcome, PostgreSQL gets one of strands (see strands.py), in
the words of today's NOISE; one of source IPs, which are few and therefore small; and a BRIN of Bloom
filters, less than 2 bytes a row, of request ids. SQLite holds small logs, and needs none of them.
Tallies say how much of what they count is internet noise, and are read by the hour.
"""

from __future__ import annotations

from typing import Any

from django.db import migrations, models

TABLE = "verification_verificationattempt"
NOISE = """
    reason = 8
    OR (marks IN (0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27)
        AND reason = 5 AND signature IS NULL)
    OR (reason = 2 AND NOT (user_agent = 'Mozilla/4.0'))
    OR (marks IN (16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31) AND outcome = 2)"""
OWNER = f"(COALESCE(account_id, 0) << 1) + CASE WHEN {NOISE} THEN 1 ELSE 0 END"
STRAND = f"(((({OWNER}) << 2) + kind) << 4) + COALESCE(reason, 0)"

# New rows are in the BRIN once vacuum, or autosummarize, has seen their pages; until then they are
# looked at one by one. Ids only grow, so that the pages of their index can be full.
CREATE = f"""
CREATE INDEX attempt_strand ON {TABLE} (({STRAND}), ((id & 2147483647)::int));
CREATE INDEX attempt_ip ON {TABLE} (client_ip);
CREATE INDEX attempt_request_id ON {TABLE} USING brin (
    request_id uuid_bloom_ops (n_distinct_per_range = 5200)
) WITH (pages_per_range = 128, autosummarize = on);
ALTER INDEX {TABLE}_pkey SET (fillfactor = 100)"""
DROP = f"""
DROP INDEX attempt_strand, attempt_ip, attempt_request_id;
ALTER INDEX {TABLE}_pkey RESET (fillfactor)"""


def create_indexes(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(CREATE)


def drop_indexes(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(DROP)


class Migration(migrations.Migration):
    dependencies = [("verification", "0012_auditors_sign_off")]

    operations = [
        migrations.AddField(
            model_name="tally",
            name="noise",
            field=models.BigIntegerField(db_default=0, verbose_name="internet noise"),
        ),
        migrations.AddIndex(
            model_name="tally", index=models.Index(fields=["hour"], name="tally_hour")
        ),
        migrations.RemoveIndex(model_name="verificationattempt", name="attempt_account_outcome"),
        migrations.RunPython(create_indexes, drop_indexes),
    ]
