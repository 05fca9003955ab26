from django.db import migrations


def remove(apps, schema_editor):
    found(apps, schema_editor).delete()


def restore(apps, schema_editor):
    using = schema_editor.connection.alias
    content_types = apps.get_model("contenttypes", "ContentType").objects.using(using)
    content_type, _ = content_types.get_or_create(app_label="verification", model="token")
    permission, _ = apps.get_model("auth", "Permission").objects.using(using).get_or_create(
        codename="view_token",
        content_type=content_type,
        defaults={"name": "Can view token"},
    )
    for group in apps.get_model("auth", "Group").objects.using(using).filter(name="Token managers"):
        group.permissions.add(permission)


def found(apps, schema_editor):
    permissions = apps.get_model("auth", "Permission").objects.using(schema_editor.connection.alias)
    return permissions.filter(content_type__app_label="verification", codename="view_token")


class Migration(migrations.Migration):
    dependencies = [
        ("verification", "0007_change_log_knows_passwords_accepted_and_renamings"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="token",
            options={
                "default_permissions": (),
                "ordering": ["-id"],
                "permissions": [
                    ("reveal_token", "Can reveal a token"),
                    ("rotate_token", "Can rotate a token"),
                ],
                "verbose_name": "token",
                "verbose_name_plural": "tokens",
            },
        ),
        migrations.RunPython(remove, restore),
    ]
