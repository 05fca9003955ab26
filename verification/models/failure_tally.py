"""Counts failed sign-ins and codes that have no change event of their own."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _


class FailureTally(models.Model):
    hour = models.DateTimeField(_("hour"))
    #: A ChangeEvent.Action.
    action = models.CharField(_("what"), max_length=32)
    #: An IPv4 address or an IPv6 /64 network; empty for failures from many sources.
    source = models.CharField(_("source IP"), max_length=43, blank=True)
    count = models.BigIntegerField(_("count"))

    class Meta:
        verbose_name = _("tally of failures")
        verbose_name_plural = _("tallies of failures")
        ordering = ["-hour", "action", "source"]
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["hour", "action", "source"], name="failure_tally_one_an_hour"
            ),
            models.CheckConstraint(
                condition=models.Q(count__gte=1), name="failure_tally_counts_something"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H:00} {self.action}: {self.count}"
