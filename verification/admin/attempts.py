from __future__ import annotations

from typing import Any
from uuid import UUID

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import PAGE_VAR, ChangeList
from django.core.exceptions import BadRequest
from django.db.models import QuerySet
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from verification.admin.export import export_view
from verification.admin.moments import moment_column
from verification.admin.read_only import ReadOnlyAdmin
from verification.diagnosis import Known, explain
from verification.models import VerificationAttempt
from verification.models.attempt import NOISE
from verification.protocol.client_ip import canonical_ip
from verification.protocol.words import Mark


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
class VerificationAttemptAdmin(ReadOnlyAdmin):
    change_list_template = "admin/verification/verificationattempt/change_list.html"
    list_display = ["number", "time", "outcome", "called", "kind", "in_short", "client_ip"]
    list_filter = ["outcome", "kind", "reason", NoiseFilter, "account"]
    list_select_related = ["account"]
    search_fields = ["path_slug"]
    search_help_text = _("A source IP, a request id, or the beginning of a path.")
    fieldsets = [
        (
            _("As known today"),
            {"fields": ["what_happened", "what_to_do"]},
        ),
        (_("On record"), {"fields": ["time", "outcome", "reason", "detail", "account", "token"]}),
        (
            _("Came in"),
            {
                "fields": [
                    *("kind", "method", "path", "host", "came_over"),
                    *("client_ip", "user_agent", "occurrences"),
                    *("timestamp", "clock_difference", "nonce", "echostr", "signature_hex"),
                ]
            },
        ),
        (_("Answered"), {"fields": ["status", "answered_in", "request_id", "seal"]}),
    ]

    # --- Columns and fields

    time = moment_column("recorded_at", _("time"))

    @admin.display(description=_("official account"))
    def called(self, attempt: VerificationAttempt) -> str:
        """Where no account is known by it, the path says more than a dash."""
        return attempt.account.name if attempt.account else self.path(attempt)

    @admin.display(description=_("number"))
    def number(self, attempt: VerificationAttempt) -> str:
        """As `explain_attempt`, logs and exports call it: without thousands separators."""
        return str(attempt.pk)

    @admin.display(description=_("what happened"))
    def in_short(self, attempt: Any) -> str:
        times = f" ×{attempt.occurrences}" if attempt.occurrences > 1 else ""
        return f"{attempt.explanation.in_short}{times}"

    @admin.display(description=_("what happened"))
    def what_happened(self, attempt: Any) -> str:
        return str(attempt.explanation.what_happened)

    @admin.display(description=_("what to do"))
    def what_to_do(self, attempt: Any) -> str:
        return str(attempt.explanation.what_to_do)

    @admin.display(description=_("path"))
    def path(self, attempt: VerificationAttempt) -> str:
        slug = attempt.path_slug
        return f"/wechat/{'' if slug == '/' else slug}" if slug else "/"

    @admin.display(description=_("came over"))
    def came_over(self, attempt: VerificationAttempt) -> str:
        marks = Mark(attempt.marks)
        version = "HTTP/1.0" if Mark.HTTP_1_0 in marks else "HTTP/1.1"
        seen = [word for mark, word in SEEN.items() if mark in marks]
        return ", ".join([f"{attempt.scheme} ({version})", *seen])

    @admin.display(description=_("clock difference"))
    def clock_difference(self, attempt: VerificationAttempt) -> str:
        return "–" if attempt.clock_skew is None else f"{attempt.clock_skew:,} s"

    @admin.display(description=_("answered in"))
    def answered_in(self, attempt: VerificationAttempt) -> str:
        return f"{attempt.duration / 1000:,.1f} ms"

    @admin.display(description=_("signature"))
    def signature_hex(self, attempt: VerificationAttempt) -> str:
        return bytes(attempt.signature).hex() if attempt.signature else "–"

    # --- Explaining

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return ExplainedChangeList

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Any:
        attempt: Any = super().get_object(request, object_id, from_field)
        if attempt is not None:
            attempt.explanation = explain(attempt)
        return attempt

    # --- Exporting

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view(require_POST(self.export))
        name = "verification_verificationattempt_export"
        return [path("export/", view, name=name), *super().get_urls()]

    def export(self, request: HttpRequest) -> HttpResponseBase:
        """What the list shows, on all its pages."""
        try:
            shown = self.get_changelist_instance(request)
        except IncorrectLookupParameters as error:
            raise BadRequest("no list has such filters") from error
        filters = {name: str(it) for name, it in request.GET.items() if name != PAGE_VAR}
        return export_view(self.admin_site, request, shown.queryset, filters)

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


SEEN = {Mark.MSG_SIGNATURE: "msg_signature", Mark.ENCRYPTED: "encrypt_type=aes"}
