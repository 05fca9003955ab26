from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from verification.admin.attempt_detail import AttemptDetail
from verification.admin.attempt_words import path_of
from verification.admin.moments import moment_column
from verification.diagnosis import Known, explain
from verification.models import VerificationAttempt
from verification.models.attempt import NOISE
from verification.protocol.client_ip import canonical_ip


class NoiseFilter(admin.SimpleListFilter):
    title = _("internet noise")
    parameter_name = "noise"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("hidden", _("Without browsers and bots")), ("only", _("Only browsers and bots"))]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[VerificationAttempt]
    ) -> QuerySet[VerificationAttempt]:
        if self.value() == "hidden":
            return queryset.exclude(NOISE)
        return queryset.filter(NOISE) if self.value() == "only" else queryset


class ExplainedChangeList(ChangeList):
    """Explains the attempts of one page with what is read once for all of them."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        known = Known()
        for attempt in self.result_list:
            attempt.explanation = explain(attempt, known)


@admin.register(VerificationAttempt)
class VerificationAttemptAdmin(AttemptDetail):
    list_display = ["number", "time", "outcome", "called", "kind", "in_short", "client_ip"]
    list_filter = ["outcome", "kind", "reason", NoiseFilter, "account"]
    list_select_related = ["account"]
    search_fields = ["path_slug"]
    search_help_text = _("A source IP, a request id, or the beginning of a path.")

    # --- Columns

    time = moment_column("recorded_at", _("time"))

    @admin.display(description=_("official account"))
    def called(self, attempt: VerificationAttempt) -> str:
        """Where no account is known by it, the path says more than a dash."""
        return attempt.account.name if attempt.account else path_of(attempt)

    @admin.display(description=_("number"))
    def number(self, attempt: VerificationAttempt) -> str:
        """As `explain_attempt`, logs and exports call it: without thousands separators."""
        return str(attempt.pk)

    @admin.display(description=_("what happened"))
    def in_short(self, attempt: Any) -> str:
        times = f" ×{attempt.occurrences}" if attempt.occurrences > 1 else ""
        return f"{attempt.explanation.in_short}{times}"

    # --- Explaining

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return ExplainedChangeList

    # --- Searching

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[VerificationAttempt], search_term: str
    ) -> tuple[QuerySet[VerificationAttempt], bool]:
        """Exact for what has one spelling: a LIKE over ten million rows helps nobody."""
        term = search_term.strip()
        if not term:
            return queryset, False
        if address := canonical_ip(term):
            return queryset.filter(client_ip=address), False
        try:
            return queryset.filter(request_id=UUID(term)), False
        except ValueError:
            slug = term.removeprefix("/wechat/")
            return queryset.filter(path_slug__startswith=slug), False
