"""Find the sign-offs and the last check of the log without reading the whole change log."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("verification", "0007_relay_permissions")]

    operations = [
        migrations.AddIndex(
            "changeevent",
            models.Index(fields=["action", "id"], name="change_event_by_action"),
        ),
    ]
