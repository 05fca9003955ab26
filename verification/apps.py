from __future__ import annotations

import sys
from typing import Any

from django.apps import AppConfig, apps
from django.conf import settings
from django.contrib.admin import apps as admin_apps
from django.db import connections
from django.db.backends.signals import connection_created
from django.db.models.signals import post_migrate, pre_migrate
from django.utils.translation import gettext, ngettext, override
from django.utils.translation import gettext_lazy as _


class VerificationConfig(AppConfig):
    name = "verification"
    verbose_name = _("Verification")

    def ready(self) -> None:
        from verification import checks  # noqa: F401, registers them
        from verification.audit_log import triggers
        from verification.auth import sign_ins
        from verification.db.connections import pin_isolation, read_every_time

        connection_created.connect(pin_isolation)
        connection_created.connect(read_every_time)
        connection_created.connect(triggers.register_bypass)
        # On SQLite, a migration rebuilds tables without their triggers, so every migrate removes
        # the triggers first and installs them afterwards.
        pre_migrate.connect(_prepare_database, sender=self)
        post_migrate.connect(_record_accounts, sender=self)
        post_migrate.connect(_install_triggers, sender=self)
        sign_ins.connect()
        # Django's Chinese name for this app contains 认证, which means something else in WeChat.
        apps.get_app_config("auth").verbose_name = _("Users and groups")


class GatewayAdminConfig(admin_apps.AdminConfig):
    default = False  # VerificationConfig is this module's app.
    default_site = "verification.auth.site.GatewayAdminSite"


#: The triggers that were missing when a migrate began, by database.
_missing_before: dict[str, list[str]] = {}


def _prepare_database(using: str, **_: Any) -> None:
    from django.core.management.base import CommandError

    from verification.audit_log import triggers
    from verification.db.encoding import find_wrong_encoding

    with override(settings.LANGUAGE_CODE):  # migrate switches translations off
        wrong_encoding = find_wrong_encoding(connections[using])
    if wrong_encoding:
        raise CommandError(wrong_encoding)
    _missing_before[using] = triggers.installable_triggers(connections[using])
    triggers.remove_triggers_on_sqlite(connections[using])


def _install_triggers(using: str, **options: Any) -> None:
    from verification.audit_log import triggers

    installed = triggers.install_triggers(connections[using])
    restored = [name for name in _missing_before.pop(using, []) if name in installed]
    if restored:
        _report_restored_triggers(restored, **options)


#: The migrations of the release with which the change log begins to describe accounts.
CHANGE_LOG_CHAIN = {"0010_change_log_chain", "0011_floods"}


def _record_accounts(
    *, plan: Any = (), verbosity: int = 0, stdout: Any = sys.stdout, **_: Any
) -> None:
    """Record all accounts as they are, when the change log begins to describe them.

    No later migrate does this, even if no event has a MAC: somebody may have removed the MACs, and
    an account that was altered would be accepted.
    """
    from verification import change_log
    from verification.models import ChangeEvent, OfficialAccount

    steps = {step.name: is_backwards for step, is_backwards in plan}
    # If a migrate failed between the two, the next one begins with the second.
    is_upgrade = any(steps.get(name) is False for name in CHANGE_LOG_CHAIN)
    if not is_upgrade or ChangeEvent.objects.exclude(mac=None).exists():
        return
    pks = list(OfficialAccount.objects.order_by("pk").values_list("pk", flat=True))
    if not pks:
        return
    actor = change_log.command_line_actor()
    change_log.record(
        change_log.Action.ACCOUNTS_RECORDED, actor, changed_accounts=pks, count=len(pks)
    )
    if verbosity > 0:
        with override(settings.LANGUAGE_CODE):  # migrate switches translations off
            sentence = ngettext(
                "Recorded {count} account in the change log as it is now, to find later changes "
                "in the database. This happens once, with the upgrade to this release.",
                "Recorded {count} accounts in the change log as they are now, to find later "
                "changes in the database. This happens once, with the upgrade to this release.",
                len(pks),
            )
        stdout.write(sentence.format(count=len(pks)) + "\n")


def _report_restored_triggers(
    names: list[str], *, verbosity: int, stdout: Any = sys.stdout, **_: Any
) -> None:
    """Print and record which triggers a migrate put back, because it removes that evidence."""
    from verification import change_log

    actor = change_log.command_line_actor()
    change_log.record(change_log.Action.TRIGGERS_INSTALLED, actor, triggers=names)
    if verbosity > 0:
        with override(settings.LANGUAGE_CODE):  # migrate switches translations off
            sentence = gettext(
                "Installed triggers that were missing or altered: {names}. If you neither "
                "upgraded nor restored a backup, somebody may have opened the log to changes: see "
                "docs/RUNBOOK.md, “Chain broken”. The change log has this as well."
            )
        stdout.write(sentence.format(names=", ".join(names)) + "\n")
