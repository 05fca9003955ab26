from __future__ import annotations

from typing import Any

from django.apps import AppConfig, apps
from django.contrib.admin import apps as admin_apps
from django.db import connections
from django.db.backends.signals import connection_created
from django.db.models.signals import post_migrate, pre_migrate
from django.utils.translation import gettext_lazy as _


class VerificationConfig(AppConfig):
    name = "verification"
    verbose_name = _("Verification")

    def ready(self) -> None:
        from verification import checks  # noqa: F401, registers them
        from verification.audit_log import triggers
        from verification.auth import sign_ins

        connection_created.connect(triggers.register_bypass)
        # On SQLite, a migration rebuilds tables without their triggers, so every migrate removes
        # the triggers first and installs them afterwards.
        pre_migrate.connect(_remove_triggers, sender=self)
        post_migrate.connect(_install_triggers, sender=self)
        sign_ins.connect()
        # Django's Chinese name for this app contains 认证, which means something else in WeChat.
        apps.get_app_config("auth").verbose_name = _("Users and groups")


class GatewayAdminConfig(admin_apps.AdminConfig):
    default = False  # VerificationConfig is this module's app.
    default_site = "verification.auth.site.GatewayAdminSite"


def _remove_triggers(using: str, **_: Any) -> None:
    from verification.audit_log import triggers

    triggers.remove_triggers_on_sqlite(connections[using])


def _install_triggers(using: str, **_: Any) -> None:
    from verification.audit_log import triggers

    triggers.install_triggers(connections[using])
