"""The attempt: the recorded row of one callback, or of several identical ones. Append-only."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _

from verification.models.account import OfficialAccount, Token
from verification.models.chain import Seal
from verification.models.choices import (
    KIND_CHOICES,
    METHOD_CHOICES,
    OUTCOME_CHOICES,
    REASON_CHOICES,
)
from verification.protocol.enums import Kind, Mark, Method, Outcome, Reason, is_wecom_call
from verification.protocol.signature import signed_parts


class VerificationAttempt(models.Model):
    """Records one callback, or several identical ones.

    The columns are ordered by size, so that PostgreSQL pads little. There are no foreign keys in
    the database: checking them costs more than writing the row, and the time would tell known
    accounts from unknown ones.
    """

    id = models.BigIntegerField(primary_key=True)
    recorded_at = models.DateTimeField(_("time"))
    seal = models.ForeignKey(
        Seal, models.PROTECT, db_constraint=False, db_index=False, verbose_name=_("seal")
    )
    account = models.ForeignKey(
        OfficialAccount,
        models.PROTECT,
        null=True,
        db_constraint=False,
        db_index=False,
        related_name="attempts",
        verbose_name=_("account"),
    )
    token = models.ForeignKey(
        Token,
        models.PROTECT,
        null=True,
        db_constraint=False,
        db_index=False,
        related_name="attempts",
        verbose_name=_("token"),
    )
    duration = models.IntegerField(
        _("answered in"), help_text=_("Microseconds until the attempt was recorded.")
    )
    clock_skew = models.IntegerField(_("clock difference"), null=True)
    occurrences = models.IntegerField(_("occurrences"), default=1)
    kind = models.SmallIntegerField(_("kind"), choices=KIND_CHOICES)
    method = models.SmallIntegerField(_("method"), choices=METHOD_CHOICES)
    outcome = models.SmallIntegerField(_("outcome"), choices=OUTCOME_CHOICES)
    reason = models.SmallIntegerField(_("reason"), choices=REASON_CHOICES, null=True)
    status = models.SmallIntegerField(_("status"))
    marks = models.SmallIntegerField(_("marks"))
    request_id = models.UUIDField(_("request id"))
    signature = models.BinaryField(_("signature"), max_length=20, null=True)
    client_ip = models.GenericIPAddressField(_("source IP"), null=True)
    detail = models.CharField(_("detail"), max_length=32)
    path_slug = models.CharField(_("path"), max_length=40)
    timestamp = models.CharField(_("timestamp"), max_length=20)
    nonce = models.CharField(_("nonce"), max_length=128)
    echostr = models.CharField(_("echostr"), max_length=256)
    user_agent = models.CharField(_("user agent"), max_length=200)
    host = models.CharField(_("host"), max_length=100)

    class Meta:
        verbose_name = _("verification attempt")
        verbose_name_plural = _("verification attempts")
        ordering = ["-id"]
        default_permissions = ("view",)
        permissions = [
            ("export_attempts", "Can export the log"),
            ("sign_off", "Can sign off a period of the log"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(
                    outcome=Outcome.ACCEPTED.value, reason=None, account__isnull=False
                )
                | models.Q(outcome=Outcome.REFUSED.value, reason__isnull=False),
                name="attempt_refused_with_reason",
            ),
            models.CheckConstraint(
                condition=models.Q(occurrences__gte=1), name="attempt_occurs_at_least_once"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pk}"

    @property
    def signed_parts(self) -> tuple[str, ...]:
        """Return what the signature covers, except for the message of a push."""
        return signed_parts(self.marks, self.timestamp, self.nonce, self.echostr)

    @property
    def scheme(self) -> str:
        return "https" if Mark.HTTPS in Mark(self.marks) else "http"

    @property
    def path(self) -> str:
        """Return the path that was called. It may be cut off, and have ? for odd characters.

        A space is shown as %20: at the end, nobody would see it.
        """
        if self.path_slug in {"", "/"}:
            return "/wechat/" if self.path_slug else "/"
        slug = self.path_slug.replace(" ", "%20")
        return slug if slug.startswith("/") else f"/wechat/{slug}"

    @property
    def meant_slug(self) -> str:
        """Return the last part of the path, which may be a slug, or nearly one; empty at /."""
        return self.path_slug.strip("/").rpartition("/")[2]

    def as_record(self) -> dict[str, Any]:
        """Return the attempt as exports have it, in the order of RECORD_KEYS.

        It reads the account, so select it with the attempts.
        """
        return as_record(vars(self), self.account.slug if self.account else None)


KINDS, METHODS, OUTCOMES, REASONS = (
    {int(member): member.label for member in members} for members in (Kind, Method, Outcome, Reason)
)
#: The keys of as_record(), in their order. A new one comes last: CSV columns keep their positions.
RECORD_KEYS = (
    *("id", "recorded_at", "account", "path_slug", "kind", "method"),
    *("outcome", "reason", "detail", "status"),
    *("signature", "timestamp", "nonce", "echostr"),
    *("client_ip", "user_agent", "request_id", "scheme", "host"),
    *("clock_skew", "duration", "occurrences", "signature_name"),
)


def signature_name(marks: int) -> str:
    """Return the parameter that the signature came in."""
    return "msg_signature" if is_wecom_call(marks) else "signature"


def as_record(attempt: Mapping[str, Any], account: str | None) -> dict[str, Any]:
    """Return an attempt's columns as log lines and exports have them; `account` is the slug."""
    signature = attempt["signature"]
    return {
        "id": attempt.get("id"),  # an accepted push has none, because it is only tallied
        "recorded_at": attempt["recorded_at"].isoformat(),
        "account": account,
        "path_slug": attempt["path_slug"],
        "kind": KINDS[attempt["kind"]],
        "method": METHODS[attempt["method"]],
        "outcome": OUTCOMES[attempt["outcome"]],
        "reason": REASONS.get(attempt["reason"]),
        "detail": attempt["detail"],
        "status": attempt["status"],
        "signature": bytes(signature).hex() if signature else None,
        "timestamp": attempt["timestamp"],
        "nonce": attempt["nonce"],
        "echostr": attempt["echostr"],
        "client_ip": attempt["client_ip"],
        "user_agent": attempt["user_agent"],
        "request_id": str(attempt["request_id"]),
        "scheme": "https" if attempt["marks"] & Mark.HTTPS else "http",
        "host": attempt["host"],
        "clock_skew": attempt["clock_skew"],
        "duration": attempt["duration"],
        "occurrences": attempt["occurrences"],
        # `msg_signature` covers the echostr, or the message, as well.
        "signature_name": signature_name(attempt["marks"]) if signature else None,
    }
