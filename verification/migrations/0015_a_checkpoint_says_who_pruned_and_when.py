from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("verification", "0014_watch_remembers_what_it_told")]

    # Made anew: what it says now is under its MAC, so one made before would not verify.
    operations = [
        migrations.DeleteModel(name="Checkpoint"),
        migrations.CreateModel(
            name="Checkpoint",
            fields=[
                ("last_seal_id", models.BigIntegerField(primary_key=True, serialize=False)),
                ("last_attempt_id", models.BigIntegerField()),
                ("recorded_at", models.DateTimeField()),
                ("pruned_at", models.DateTimeField()),
                ("actor", models.CharField(max_length=150)),
                ("key_id", models.CharField(max_length=8)),
                ("digest", models.BinaryField(max_length=32)),
                ("mac", models.BinaryField(max_length=32)),
            ],
            options={
                "verbose_name": "checkpoint",
                "verbose_name_plural": "checkpoint",
                "ordering": ["-last_seal_id"],
                "default_permissions": (),
            },
        ),
    ]
