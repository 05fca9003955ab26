"""What tokens and EncodingAESKeys have in common: a current secret, and previous ones that end."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, ClassVar, Self

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from verification.fields import EncryptedTextField, UndecryptableSecret

#: How long the old secret stays valid after WeChat has used the new one.
OVERLAP = timedelta(hours=24)


class RotatingSecretQuerySet(models.QuerySet[Any]):
    def live_at(self, moment: datetime) -> Self:
        """Return current secrets, and previous ones that are still valid at that moment."""
        is_valid = models.Q(expires_at=None) | models.Q(expires_at__gt=moment)
        return self.filter(is_valid, secret__isnull=False)


class RotatingSecret(models.Model):
    """A secret of an account. Rotating adds a row, and the row before it gets an end.

    Subclasses have the column `account`, and the manager of RotatingSecretQuerySet.
    """

    account: Any
    account_id: int
    objects: ClassVar[Any]

    secret = EncryptedTextField(_("secret"), null=True, editable=False)
    fingerprint = models.CharField(_("fingerprint"), max_length=6, editable=False)
    created_at = models.DateTimeField(_("since"), default=timezone.now, editable=False)
    created_by = models.CharField(_("by"), max_length=150, editable=False)
    superseded_at = models.DateTimeField(_("superseded"), null=True, editable=False)
    expires_at = models.DateTimeField(_("valid until"), null=True, editable=False)
    first_used_at = models.DateTimeField(_("first used"), null=True, editable=False)

    class Meta:
        abstract = True
        ordering = ["-id"]
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["account"],
                condition=models.Q(superseded_at=None),
                name="%(class)s_one_current_per_account",
            ),
            models.CheckConstraint(
                condition=~models.Q(secret=""), name="%(class)s_secret_not_empty"
            ),
            models.CheckConstraint(
                condition=models.Q(superseded_at__isnull=False)
                | models.Q(secret__isnull=False, expires_at=None),
                name="%(class)s_current_has_secret_and_no_end",
            ),
        ]

    def __str__(self) -> str:
        return self.fingerprint

    @property
    def is_optional(self) -> bool:
        """Return whether the account can be without a current secret of this model again."""
        return False

    @property
    def is_current(self) -> bool:
        return self.superseded_at is None

    def is_live_at(self, moment: datetime) -> bool:
        return self.secret is not None and (self.expires_at is None or self.expires_at > moment)

    @property
    def is_decryptable(self) -> bool:
        """Return whether a key of TOKEN_ENCRYPTION_KEYS decrypts it; False if it was purged."""
        return self.secret is not None and self.secret.is_decryptable

    def holds(self, text: str) -> bool:
        """Return whether `text` is the secret. A secret that no key decrypts matches no text."""
        try:
            return self.secret is not None and self.secret.reveal() == text
        except UndecryptableSecret:
            return False

    def record_first_use(self, moment: datetime) -> None:
        """Record that WeChat first used this secret at `moment`.

        If it is the current one, the secrets that it replaced expire after OVERLAP.
        """
        if self.first_used_at is not None:
            return
        rows = type(self)._default_manager
        if self.is_current:
            replaced = rows.filter(
                models.Q(account_id=self.account_id),
                superseded_at__isnull=False,
                expires_at=None,
                pk__lt=self.pk,  # not this one, in case it was rotated meanwhile
            )
            replaced.update(expires_at=moment + OVERLAP)
        # Last, so that rows are locked in the order of their ids.
        rows.filter(pk=self.pk).update(first_used_at=moment)
