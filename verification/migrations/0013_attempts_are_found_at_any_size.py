"""The list of attempts answers as fast at ten million rows as at ten thousand.

One partial index by strand serves every filter, in place of the one by account and outcome; one of
internet noise alone serves the list of it; a BRIN of Bloom filters, about 3 bytes a row, finds a source IP or a request id; and tallies say how much of
what they count is internet noise, from here on and, counted once, for the hours before.
"""

from __future__ import annotations

from typing import Any

from django.db import migrations, models
from django.db.models import F
from django.db.models.functions import Cast, Coalesce

from verification.models.attempt import NOISE

# New rows are not in it until vacuum, or autosummarize, has seen their pages: writing costs nothing.
CREATE_BLOOM = """
CREATE INDEX attempt_bloom ON verification_verificationattempt USING brin (
    request_id uuid_bloom_ops (n_distinct_per_range = 2600),
    client_ip inet_bloom_ops (n_distinct_per_range = 1300)
) WITH (pages_per_range = 64, autosummarize = on)"""


def create_bloom(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(CREATE_BLOOM)


def drop_bloom(apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP INDEX attempt_bloom")


def count_noise(apps: Any, schema_editor: Any) -> None:
    Attempt, Tally = (apps.get_model("verification", name) for name in ("VerificationAttempt", "Tally"))
    hours: dict[Any, int] = {}
    noise = Attempt.objects.filter(NOISE).order_by("id")
    fields = ("account_id", "recorded_at", "kind", "outcome", "occurrences")
    for account_id, time, kind, outcome, count in noise.values_list(*fields).iterator():
        key = account_id, time.replace(minute=0, second=0, microsecond=0), kind, outcome
        hours[key] = hours.get(key, 0) + count
    for (account_id, hour, kind, outcome), count in hours.items():
        Tally.objects.filter(
            account_id=account_id, hour=hour, kind=kind, outcome=outcome
        ).update(noise=count)


class Migration(migrations.Migration):
    dependencies = [("verification", "0012_auditors_sign_off")]

    operations = [
        migrations.AddField(
            model_name="tally",
            name="noise",
            field=models.BigIntegerField(db_default=0, verbose_name="internet noise"),
        ),
        migrations.RunPython(count_noise, migrations.RunPython.noop, elidable=True),
        migrations.RemoveIndex(model_name="verificationattempt", name="attempt_account_outcome"),
        migrations.AddIndex(
            model_name="verificationattempt",
            index=models.Index(
                Coalesce("account", 0),
                F("kind"),
                Coalesce("reason", Cast(models.Value(0), models.SmallIntegerField())),
                F("id"),
                condition=models.Q(
                    ("reason", 8),
                    models.Q(
                        ("marks__in", [0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27]),
                        ("reason", 5),
                        ("signature__isnull", True),
                    ),
                    models.Q(("reason", 2), models.Q(("user_agent", "Mozilla/4.0"), _negated=True)),
                    models.Q(("marks__in", list(range(16, 32))), ("outcome", 2)),
                    _connector="OR",
                    _negated=True,
                ),
                name="attempt_strand",
            ),
        ),
        migrations.AddIndex(
            model_name="verificationattempt",
            index=models.Index(
                models.F("id"),
                condition=models.Q(
                    ("reason", 8),
                    models.Q(
                        ("marks__in", [0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27]),
                        ("reason", 5),
                        ("signature__isnull", True),
                    ),
                    models.Q(("reason", 2), models.Q(("user_agent", "Mozilla/4.0"), _negated=True)),
                    models.Q(("marks__in", list(range(16, 32))), ("outcome", 2)),
                    _connector="OR",
                ),
                name="attempt_noise",
            ),
        ),
        migrations.RunPython(create_bloom, drop_bloom),
    ]
