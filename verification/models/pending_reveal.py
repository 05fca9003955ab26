"""Stores the permission to show secrets on one page."""

from __future__ import annotations

from django.db import models
from django.utils import timezone

#: Between the names, and between the versions, of several secrets.
SEPARATOR = ","


class PendingReveal(models.Model):
    """Names the secrets that the next page may show. It never holds a secret.

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
        names, versions = self.secret_name.split(SEPARATOR), self.version.split(SEPARATOR)
        return (secret_name, str(version)) in zip(names, versions, strict=True)
