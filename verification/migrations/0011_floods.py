"""Count failed sign-ins, and name the reason of rows that combine unlike refusals.

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
    dependencies = [("verification", "0010_change_log_chain")]

    operations = [
        migrations.CreateModel(
            "FailureTally",
            [
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("hour", models.DateTimeField(verbose_name="hour")),
                ("action", models.CharField(max_length=32, verbose_name="what")),
                (
                    "source",
                    models.CharField(blank=True, max_length=43, verbose_name="source IP"),
                ),
                ("count", models.BigIntegerField(verbose_name="count")),
            ],
            {
                "verbose_name": "tally of failures",
                "verbose_name_plural": "tallies of failures",
                "ordering": ["-hour", "action", "source"],
                "default_permissions": (),
                "constraints": [
                    models.UniqueConstraint(
                        fields=["hour", "action", "source"], name="failure_tally_one_an_hour"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(count__gte=1), name="failure_tally_counts_something"
                    ),
                ],
            },
        ),
        migrations.AlterField(
            "verificationattempt",
            "reason",
            models.SmallIntegerField(choices=REASONS, null=True, verbose_name="reason"),
        ),
    ]
