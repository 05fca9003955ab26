"""Count once, for the hours before tallies knew it, how many of their attempts are internet noise."""

from __future__ import annotations

from datetime import UTC
from typing import Any

from django.db import migrations
from django.db.models import Q, Sum
from django.db.models.functions import TruncHour

NOISE = (
    Q(reason=8)
    | Q(reason=5, signature=None, marks__in=[0, 1, 2, 3, 8, 9, 10, 11, 16, 17, 18, 19, 24, 25, 26, 27])
    | (Q(reason=2) & ~Q(user_agent="Mozilla/4.0"))
    | Q(outcome=2, marks__gte=16)
)


def count_noise(apps: Any, schema_editor: Any) -> None:
    attempts = apps.get_model("verification", "VerificationAttempt").objects.filter(NOISE)
    tallies = apps.get_model("verification", "Tally").objects
    by = ("account_id", "hour", "kind", "outcome")
    hours = attempts.annotate(hour=TruncHour("recorded_at", tzinfo=UTC)).order_by().values(*by)
    for found in hours.annotate(noise=Sum("occurrences")).iterator():
        noise = found.pop("noise")
        tallies.filter(**found, noise=0).update(noise=noise)


class Migration(migrations.Migration):
    dependencies = [("verification", "0015_a_checkpoint_says_who_pruned_and_when")]

    operations = [migrations.RunPython(count_noise, migrations.RunPython.noop, elidable=True)]
