"""Create two groups, so that people need no superuser rights."""

from django.apps import apps as installed_apps
from django.contrib.auth.management import create_permissions
from django.db import migrations

GROUPS = {
    "Token managers": [
        "view_officialaccount",
        "add_officialaccount",
        "change_officialaccount",
        "reveal_token",
        "rotate_token",
        "view_verificationattempt",
    ],
    "Auditors": [
        "view_officialaccount",
        "view_verificationattempt",
        "view_changeevent",
        "view_seal",
        "view_tally",
        "export_attempts",
        "sign_off",
    ],
}


def create_groups(apps, schema_editor):
    using = schema_editor.connection.alias
    # Django creates permissions only after all migrations.
    app = installed_apps.get_app_config("verification")
    create_permissions(app, verbosity=0, using=using, apps=apps)
    permissions = apps.get_model("auth", "Permission").objects.using(using)
    for name, codenames in GROUPS.items():
        group, _ = apps.get_model("auth", "Group").objects.using(using).get_or_create(name=name)
        group.permissions.add(
            *permissions.filter(content_type__app_label="verification", codename__in=codenames)
        )


def delete_groups(apps, schema_editor):
    groups = apps.get_model("auth", "Group").objects.using(schema_editor.connection.alias)
    groups.filter(name__in=GROUPS).delete()


class Migration(migrations.Migration):
    replaces = [
        ("verification", "0003_token_managers_and_auditors"),
        ("verification", "0008_no_permission_that_nothing_reads"),
        ("verification", "0012_auditors_sign_off"),
    ]
    dependencies = [
        ("verification", "0001_initial"),
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
    ]

    operations = [migrations.RunPython(create_groups, delete_groups)]
