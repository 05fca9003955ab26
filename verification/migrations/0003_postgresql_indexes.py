"""Create the indexes that keep the list of attempts fast at ten million rows on PostgreSQL.

`attempt_strand` serves every filter of the list (see verification/attempts/index.py), `attempt_ip` a
source IP, and `attempt_request_id`, a BRIN of Bloom filters of less than 2 bytes a row, a request
id. SQLite holds small logs and needs none of them.
"""

from __future__ import annotations

from typing import Any

from django.db import migrations

TABLE = "verification_verificationattempt"
# The SQL of NOISE when this migration was written. PostgreSQL uses the index only for a query that
# is written in the same words, so a change of NOISE needs a migration that creates the index again.
NOISE = """
    reason = 8
    OR (marks IN (0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27)
        AND reason = 5 AND signature IS NULL)
    OR (reason = 2 AND NOT (user_agent = 'Mozilla/4.0'))
    OR (marks IN (16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31) AND outcome = 2)"""
OWNER = f"(COALESCE(account_id, 0) << 1) + CASE WHEN {NOISE} THEN 1 ELSE 0 END"
KEY = f"(((({OWNER}) << 2) + kind) << 4) + COALESCE(reason, 0)"

# Ids only grow, so the pages of the primary key can be full. PostgreSQL adds new rows to the BRIN
# when vacuum or autosummarize processes their pages. Until then a search reads those pages.
#
# PostgreSQL summarizes the first range of an empty table when it creates the index, but every other
# range only when it is full. Each of the first several thousand rows would then rewrite a filter of
# 7 KB, which takes as long as writing eight more rows. The summary is therefore removed.
CREATE = f"""
CREATE INDEX attempt_strand ON {TABLE} (({KEY}), ((id & 2147483647)::int));
CREATE INDEX attempt_ip ON {TABLE} (client_ip);
CREATE INDEX attempt_request_id ON {TABLE} USING brin (
    request_id uuid_bloom_ops (n_distinct_per_range = 5200)
) WITH (pages_per_range = 128, autosummarize = on);
ALTER INDEX {TABLE}_pkey SET (fillfactor = 100)"""
REMOVE_FIRST_SUMMARY = "SELECT brin_desummarize_range('attempt_request_id', 0)"
DROP = f"""
DROP INDEX attempt_strand, attempt_ip, attempt_request_id;
ALTER INDEX {TABLE}_pkey RESET (fillfactor)"""


def create_indexes(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(CREATE)
        schema_editor.execute(REMOVE_FIRST_SUMMARY)


def drop_indexes(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(DROP)


class Migration(migrations.Migration):
    replaces = [
        ("verification", "0013_attempts_are_found_at_any_size"),
        ("verification", "0016_past_hours_know_their_noise"),
        ("verification", "0018_a_new_log_is_written_as_fast_as_an_old_one"),
    ]
    dependencies = [("verification", "0002_groups")]

    operations = [migrations.RunPython(create_indexes, drop_indexes)]
