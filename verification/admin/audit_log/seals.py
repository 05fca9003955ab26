"""Lists the seals, and verifies one as its page opens."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.contrib import admin
from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, path
from django.utils.translation import gettext_lazy as _

from verification.admin.audit_log.integrity import integrity
from verification.admin.base import ReadOnlyAdmin, moment_column
from verification.admin.seal_check import SHORT_DIGEST, check_seal
from verification.models import Seal, VerificationAttempt
from verification.times import format_short_with_seconds, format_zone

#: Attempts that the page of a seal lists.
MAX_ATTEMPTS = 50


@admin.register(Seal)
class SealAdmin(ReadOnlyAdmin):
    list_display = ["number", "recorded", "covers", "count", "short_digest"]
    search_fields = ["=id", "=first_id"]
    search_help_text = _("The number of a seal, or of the first attempt it covers.")
    fields = ["number", "covers", "count", "version", "key_id", "digest_hex", "mac_hex"]
    change_form_template = "admin/verification/audit/seal.html"
    change_list_template = "admin/verification/audit/seals.html"
    pruned_up_to = "last_seal_id"

    recorded = moment_column("recorded_at", _("time"), has_zone=False)

    def get_urls(self) -> list[URLPattern]:
        page = self.admin_site.admin_view(partial(integrity, self.admin_site))
        return [path("integrity/", page, name="integrity"), *super().get_urls()]

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return super().changelist_view(request, {"zone": format_zone(), **(extra_context or {})})

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        """Add when the first attempt of each seal was recorded; seals have no time of their own."""
        first = VerificationAttempt.objects.filter(pk=OuterRef("first_id"))
        time = Subquery(first.values("recorded_at")[:1])
        seals: QuerySet[Any] = super().get_queryset(request)
        timed: QuerySet[Any] = seals.annotate(recorded_at=time)
        return timed

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        seal: Seal = context["original"]
        covered = VerificationAttempt.objects.filter(pk__range=(seal.first_id, seal.last_id))
        context.update(
            check=check_seal(seal),
            attempts=[
                {"attempt": attempt, "at": format_short_with_seconds(attempt.recorded_at)}
                for attempt in covered.select_related("account").order_by("pk")[:MAX_ATTEMPTS]
            ],
            further=max(0, seal.count - MAX_ATTEMPTS),
            zone=format_zone(),
        )
        return super().render_change_form(request, context, *args, **kwargs)

    @admin.display(description=_("number"))
    def number(self, seal: Seal) -> int:
        return seal.id

    @admin.display(description=_("attempt numbers"))
    def covers(self, seal: Seal) -> str:
        return str(seal.first_id) if seal.count == 1 else f"{seal.first_id} – {seal.last_id}"

    @admin.display(description=_("digest"))
    def short_digest(self, seal: Seal) -> str:
        return f"{self.digest_hex(seal)[:SHORT_DIGEST]}…"

    @admin.display(description=_("digest"))
    def digest_hex(self, seal: Seal) -> str:
        return bytes(seal.digest).hex()

    @admin.display(description=_("MAC"))
    def mac_hex(self, seal: Seal) -> str:
        return bytes(seal.mac).hex()
