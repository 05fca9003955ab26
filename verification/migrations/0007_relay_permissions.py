"""Give the groups the permissions of the relay."""

from django.apps import apps as installed_apps
from django.contrib.auth.management import create_permissions
from django.db import migrations

GROUPS = {
    "Token managers": [
        "set_backend",
        "reveal_webhook_secret",
        "send_test_message",
        "view_delivery",
        "manage_delivery",
    ],
    "Auditors": ["view_delivery"],
}


def grant(apps, schema_editor):
    # Django creates permissions only after all migrations.
    using = schema_editor.connection.alias
    app = installed_apps.get_app_config("verification")
    create_permissions(app, verbosity=0, using=using, apps=apps)
    for group, permissions in groups_and_permissions(apps, using):
        group.permissions.add(*permissions)


def revoke(apps, schema_editor):
    for group, permissions in groups_and_permissions(apps, schema_editor.connection.alias):
        group.permissions.remove(*permissions)


def groups_and_permissions(apps, using):
    """Yield each group that still exists, with its permissions."""
    permissions = apps.get_model("auth", "Permission").objects.using(using)
    for name, codenames in GROUPS.items():
        for group in apps.get_model("auth", "Group").objects.using(using).filter(name=name):
            yield (
                group,
                permissions.filter(
                    content_type__app_label="verification", codename__in=codenames
                ),
            )


class Migration(migrations.Migration):
    dependencies = [("verification", "0006_relay")]

    operations = [migrations.RunPython(grant, revoke)]
