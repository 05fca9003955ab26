from __future__ import annotations

from uuid import UUID

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from verification.admin.moments import moment_column
from verification.admin.read_only import ReadOnlyAdmin
from verification.models import VerificationAttempt
from verification.protocol.client_ip import canonical_ip
from verification.protocol.words import Mark


@admin.register(VerificationAttempt)
class VerificationAttemptAdmin(ReadOnlyAdmin):
    list_display = ["time", "outcome", "called", "kind", "why", "client_ip"]
    list_filter = ["outcome", "kind", "reason", "account"]
    list_select_related = ["account"]
    search_fields = ["path_slug"]
    search_help_text = _("A source IP, a request id, or the beginning of a path.")
    fieldsets = [
        (None, {"fields": ["time", "outcome", "reason", "detail", "account", "token"]}),
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

    @admin.display(description=_("reason"))
    def why(self, attempt: VerificationAttempt) -> str | None:
        parts = [str(attempt.get_reason_display() or ""), attempt.detail]
        times = f" ×{attempt.occurrences}" if attempt.occurrences > 1 else ""
        return ": ".join(filter(None, parts)) + times or None

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
