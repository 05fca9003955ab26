from django.apps import apps as installed_apps
from django.contrib.auth.management import create_permissions
from django.db import migrations


def allow(apps, schema_editor):
    using = schema_editor.connection.alias
    # Django itself makes permissions only after all migrations.
    app = installed_apps.get_app_config("verification")
    create_permissions(app, verbosity=0, using=using, apps=apps)
    sign_off = apps.get_model("auth", "Permission").objects.using(using).get(
        content_type__app_label="verification", codename="sign_off"
    )
    for group in auditors(apps, using):
        group.permissions.add(sign_off)


def forbid(apps, schema_editor):
    using = schema_editor.connection.alias
    for group in auditors(apps, using):
        group.permissions.remove(*group.permissions.filter(codename="sign_off"))


def auditors(apps, using):
    return apps.get_model("auth", "Group").objects.using(using).filter(name="Auditors")


class Migration(migrations.Migration):
    dependencies = [("verification", "0011_periods_can_be_signed_off")]

    operations = [migrations.RunPython(allow, forbid)]
