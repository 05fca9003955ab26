"""Store which secret a page may show once outside the session, which other tabs overwrite."""

from __future__ import annotations

import django.utils.timezone
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("verification", "0008_change_log_by_action")]

    operations = [
        migrations.CreateModel(
            "PendingReveal",
            [
                ("key", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("secret_name", models.CharField(max_length=20)),
                ("version", models.CharField(max_length=40)),
                ("created_at", models.DateTimeField(default=django.utils.timezone.now)),
            ],
            {
                "verbose_name": "pending reveal",
                "verbose_name_plural": "pending reveals",
                "default_permissions": (),
            },
        ),
    ]
