"""Name the reason of rows that combine unlike refusals. It runs no SQL.

The release before shows such an attempt with the number 12 as its reason, and exports none.
"""

from __future__ import annotations

from django.db import migrations, models

REASONS = [
    (1, "Signature mismatch"),
    (2, "Unknown account"),
    (3, "Paused account"),
    (4, "No token"),
    (5, "Missing parameter"),
    (6, "Repeated parameter"),
    (7, "Malformed parameter"),
    (8, "Method not allowed"),
    (9, "Undecryptable token"),
    (10, "Message signature mismatch"),
    (11, "Undecryptable message"),
    (12, "Mixed reasons"),
]


class Migration(migrations.Migration):
    dependencies = [("verification", "0009_pending_reveal")]

    operations = [
        migrations.AlterField(
            "verificationattempt",
            "reason",
            models.SmallIntegerField(choices=REASONS, null=True, verbose_name="reason"),
        ),
    ]
