"""Tallies are unique in an order that finds the last one of an account, a kind and an outcome.

With the hour last, the index answers without a look at all that an account ever had. The writer's
ON CONFLICT names the same four, in any order, so that the release before this goes on counting.
"""

from __future__ import annotations

from django.db import migrations, models
from django.db.models.functions import Coalesce


class Migration(migrations.Migration):
    dependencies = [("verification", "0016_past_hours_know_their_noise")]

    operations = [
        migrations.AddConstraint(
            model_name="tally",
            constraint=models.UniqueConstraint(
                Coalesce("account", 0), "kind", "outcome", "hour", name="tally_one_an_hour"
            ),
        ),
        migrations.RemoveConstraint(model_name="tally", name="tally_one_per_hour"),
    ]
