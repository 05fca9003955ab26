"""The choices of model fields, with translated labels for the members of protocol.enums."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from verification.protocol.enums import Kind, Method, Outcome, Reason

KIND_CHOICES = [
    (Kind.URL_VERIFICATION.value, _("URL verification")),
    (Kind.MESSAGE_PUSH.value, _("Message push")),
    (Kind.SELF_TEST.value, _("Self-test")),
]
OUTCOME_CHOICES = [
    (Outcome.ACCEPTED.value, _("Accepted")),
    (Outcome.REFUSED.value, _("Refused")),
]
REASON_CHOICES = [
    (Reason.SIGNATURE_MISMATCH.value, _("Signature mismatch")),
    (Reason.UNKNOWN_ACCOUNT.value, _("Unknown account")),
    (Reason.PAUSED_ACCOUNT.value, _("Paused account")),
    (Reason.NO_TOKEN.value, _("No token")),
    (Reason.MISSING_PARAMETER.value, _("Missing parameter")),
    (Reason.REPEATED_PARAMETER.value, _("Repeated parameter")),
    (Reason.MALFORMED_PARAMETER.value, _("Malformed parameter")),
    (Reason.METHOD_NOT_ALLOWED.value, _("Method not allowed")),
    (Reason.UNDECRYPTABLE_TOKEN.value, _("Undecryptable token")),
]
METHOD_CHOICES = [(method.value, method.name) for method in Method]
