"""Shows the last integrity check of the log, and starts the next one."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _

from verification.audit_log.integrity import Check, check_within_budget, latest_check, record_check
from verification.audit_log.schema_check import SchemaCheck, check_schema
from verification.change_log import actor_of
from verification.models import Alert, ChainHead, Checkpoint, Seal, VerificationAttempt
from verification.models.alert import REMINDER, WENT_BACK
from verification.times import format_datetime


def integrity(site: admin.AdminSite, request: HttpRequest) -> HttpResponse:
    """Show the last check and the size of the log; on POST, check it again."""
    if not request.user.has_perm("verification.view_seal"):
        raise PermissionDenied
    if request.method == "POST":
        record_check(check_within_budget(), actor_of(request))
        messages.success(request, _("The log was checked."))
        return redirect("admin:integrity")
    check, head = latest_check(), ChainHead.objects.first() or ChainHead()
    schema = check_schema(connection)
    if schema.accuses_nobody and check and str(check.state.label) == schema.title:
        schema = SchemaCheck()  # The check says the same.
    checkpoint = Checkpoint.objects.first()
    oldest = VerificationAttempt.objects.order_by("id").first()
    context: dict[str, Any] = {
        **site.each_context(request),
        "title": _("Integrity of the log"),
        "opts": Seal._meta,
        "check": check,
        "schema": schema,
        "went_back": alerts_of_lost_heads(timezone.now() - REMINDER),
        "checked_at": format_datetime(check.at) if check else None,
        "head": head,
        "since": head.last_attempt_id - attempts_seen(check),
        "checkpoint": checkpoint,
        "first_seal": checkpoint.last_seal_id + 1 if checkpoint else 1,
        "pruned_at": format_datetime(checkpoint.pruned_at) if checkpoint else None,
        "oldest": oldest,
        "oldest_at": format_datetime(oldest.recorded_at) if oldest else None,
        "size": size_on_disk(),
    }
    return render(request, "admin/verification/audit/integrity.html", context)


def alerts_of_lost_heads(since: datetime) -> list[Alert]:
    """Return the alerts since then that the log does not contain a head that was seen before.

    The log that is there now may be intact all the same: an older one, from a backup.
    """
    alerts = Alert.objects.filter(key__startswith=f"{WENT_BACK}:", seen_at__gte=since)
    return [*alerts.order_by("-seen_at")]


def attempts_seen(check: Check | None) -> int:
    """Return the id of the last attempt that the check has seen, or 0 without a check."""
    seal = Seal.objects.filter(id=check.last_seal).first() if check else None
    return seal.last_id if seal else 0


def size_on_disk() -> int | None:
    """Return the bytes of attempts and seals with their indexes, or None on SQLite."""
    if connection.vendor != "postgresql":
        return None
    tables = [VerificationAttempt._meta.db_table, Seal._meta.db_table]
    with connection.cursor() as cursor:
        cursor.execute("SELECT sum(pg_total_relation_size(name)) FROM unnest(%s) name", [tables])
        return int(cursor.fetchone()[0])
