from __future__ import annotations

from typing import Any

from django.db import migrations

# BRIN summarises the first range of an empty table when the index is made, and no other before it
# is full. Every row of the first some thousand then rewrites a filter of 7 KB, which takes as long
# as eight other rows; without its summary the range waits for autovacuum, as those after it do.
FORGET = "SELECT brin_desummarize_range('attempt_request_id', 0)"


def forget_summary(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(FORGET)


class Migration(migrations.Migration):
    dependencies = [("verification", "0017_the_last_tally_of_an_account_is_found_at_once")]

    operations = [migrations.RunPython(forget_summary, migrations.RunPython.noop)]
