"""The backend of an account: the company's own system, which gets its message pushes."""

from __future__ import annotations

from datetime import timedelta

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from verification.fields import EncryptedTextField
from verification.models.account import OfficialAccount
from verification.models.choices import DELIVERY_RESULT_CHOICES

#: The days for which messages wait in the spool, also those of an account without a backend.
DEFAULT_RETENTION = 3
LONGEST_RETENTION = 30
MAX_URL_LENGTH = 500
#: Failures in a row after which pushes are spooled without trying the backend first.
FAILURES_TO_OPEN = 3


class Backend(models.Model):
    """Where an account's pushes go, what happens when that fails, and whether it fails now."""

    class OnFailure(models.TextChoices):
        #: Store the message encrypted, answer WeChat, and deliver it later. Needs PostgreSQL.
        KEEP = "keep", _("Keep the message and deliver it later")
        #: Store nothing, and leave WeChat without an answer, so that it sends the message again.
        RESEND = "resend", _("Store nothing and let WeChat send it again")

    account = models.OneToOneField(
        OfficialAccount,
        models.CASCADE,
        primary_key=True,
        related_name="backend",
        verbose_name=_("account"),
    )
    url = models.CharField(_("backend URL"), max_length=MAX_URL_LENGTH)
    on_failure = models.CharField(_("when the backend fails"), max_length=6, choices=OnFailure)
    retention_days = models.PositiveSmallIntegerField(
        _("days to keep messages in the spool"),
        default=DEFAULT_RETENTION,
        validators=[MinValueValidator(1), MaxValueValidator(LONGEST_RETENTION)],
    )
    # With a default of the database, because processes of the release before do not set it.
    forwards_decrypted = models.BooleanField(
        _("forward messages decrypted"),
        default=False,
        db_default=False,
    )
    #: Signs forwarded pushes (Standard Webhooks): "whsec_" and 32 bytes in base64.
    secret = EncryptedTextField(_("webhook secret"), editable=False)
    #: Signs them as well until it ends, so that the backend can change to the new one.
    previous_secret = EncryptedTextField(null=True, editable=False)
    previous_secret_ends_at = models.DateTimeField(null=True, editable=False)
    # The circuit. Web processes and workers share it.
    failures = models.PositiveIntegerField(default=0, editable=False)  #: in a row
    failing_since = models.DateTimeField(null=True, editable=False)
    last_failure = models.SmallIntegerField(
        null=True, editable=False, choices=DELIVERY_RESULT_CHOICES
    )
    last_failure_status = models.SmallIntegerField(null=True, editable=False)
    next_probe_at = models.DateTimeField(null=True, editable=False)
    last_success_at = models.DateTimeField(null=True, editable=False)
    created_at = models.DateTimeField(_("since"), auto_now_add=True)

    class Meta:
        verbose_name = _("backend")
        verbose_name_plural = _("backends")
        default_permissions = ()
        permissions = [
            ("set_backend", "Can set a backend, and rotate its webhook secret"),
            ("reveal_webhook_secret", "Can reveal a webhook secret"),
            ("send_test_message", "Can send a test message"),
        ]
        constraints = [
            models.CheckConstraint(condition=~models.Q(url=""), name="backend_url_not_empty"),
            models.CheckConstraint(
                condition=models.Q(on_failure__in=["keep", "resend"]), name="backend_on_failure"
            ),
        ]

    def __str__(self) -> str:
        return f"backend of {self.account_id}"

    @property
    def is_failing(self) -> bool:
        """Return whether the last delivery failed."""
        return self.failing_since is not None


def retention_of(backend: Backend | None) -> timedelta:
    """Return how long an account's messages wait in the spool at most."""
    return timedelta(days=backend.retention_days if backend else DEFAULT_RETENTION)
