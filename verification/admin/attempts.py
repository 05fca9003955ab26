from __future__ import annotations

from uuid import UUID

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from verification.admin.read_only import ReadOnlyAdmin
from verification.models import VerificationAttempt
from verification.protocol.client_ip import canonical_ip
from verification.protocol.words import Mark


@admin.register(VerificationAttempt)
class VerificationAttemptAdmin(ReadOnlyAdmin):
    list_display = [
        *("recorded_at", "outcome", "account", "kind", "reason", "detail"),
        *("path_slug", "client_ip", "occurrences"),
    ]
    list_filter = ["outcome", "kind", "reason", "account"]
    list_select_related = ["account"]
    search_fields = ["path_slug"]
    search_help_text = _("A source IP, a request id, or the beginning of a path.")
    fieldsets = [
        (None, {"fields": ["recorded_at", "outcome", "reason", "detail", "account", "token"]}),
        (
            _("Came in"),
            {
                "fields": [
                    *("kind", "method", "path_slug", "host", "came_over"),
                    *("client_ip", "user_agent", "occurrences"),
                    *("timestamp", "clock_skew", "nonce", "echostr", "signature_hex"),
                ]
            },
        ),
        (_("Answered"), {"fields": ["status", "duration", "request_id", "seal"]}),
    ]

    @admin.display(description=_("signature"))
    def signature_hex(self, attempt: VerificationAttempt) -> str:
        return bytes(attempt.signature).hex() if attempt.signature else "–"

    @admin.display(description=_("came over"))
    def came_over(self, attempt: VerificationAttempt) -> str:
        marks = Mark(attempt.marks)
        version = "HTTP/1.0" if Mark.HTTP_1_0 in marks else "HTTP/1.1"
        seen = [word for mark, word in SEEN.items() if mark in marks]
        return ", ".join([f"{attempt.scheme} ({version})", *seen])

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
            return queryset.filter(Q(path_slug__startswith=term)), False


SEEN = {Mark.MSG_SIGNATURE: "msg_signature", Mark.ENCRYPTED: "encrypt_type=aes"}
