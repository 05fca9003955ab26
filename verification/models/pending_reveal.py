"""Stores the permission to show one secret on one page."""

from __future__ import annotations

from django.db import models
from django.utils import timezone


class PendingReveal(models.Model):
    """Names a secret that the next page may show. It never holds the secret.

    The key is a MAC of the page's nonce, the session, the user and the account, so that a row fits
    one request of one person, and a copy of the table tells nothing about sessions.
    """

    key = models.CharField(primary_key=True, max_length=64)
    secret_name = models.CharField(max_length=20)
    version = models.CharField(max_length=40)  #: which one, of all that have had this name
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = "pending reveal"
        verbose_name_plural = "pending reveals"
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.secret_name} {self.version}"

    def is_of(self, secret_name: str, version: int | str) -> bool:
        return (self.secret_name, self.version) == (secret_name, str(version))
