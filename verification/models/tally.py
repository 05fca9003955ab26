"""Counts all recorded callbacks by the hour. Accepted message pushes have no other record."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from verification.models.account import OfficialAccount
from verification.models.choices import KIND_CHOICES, OUTCOME_CHOICES
from verification.protocol.enums import Outcome


class Tally(models.Model):
    # No foreign key in the database: checking it would lock the account's row for the writer.
    account = models.ForeignKey(
        OfficialAccount,
        models.PROTECT,
        null=True,
        db_constraint=False,
        related_name="tallies",
        verbose_name=_("account"),
    )
    hour = models.DateTimeField(_("hour"))
    kind = models.SmallIntegerField(_("kind"), choices=KIND_CHOICES)
    outcome = models.SmallIntegerField(_("outcome"), choices=OUTCOME_CHOICES)
    count = models.BigIntegerField(_("count"))
    #: How many of `count` are internet noise, for counts that leave noise out. The default is set
    #: in the database, so that a release without this column can still write.
    noise = models.BigIntegerField(_("internet noise"), db_default=0)
    last_at = models.DateTimeField(_("last"), default=timezone.now)

    class Meta:
        verbose_name = _("tally")
        verbose_name_plural = _("tallies")
        ordering = ["-hour", "account", "kind", "outcome"]
        default_permissions = ("view",)
        indexes = [models.Index(fields=["hour"], name="tally_hour")]
        constraints = [
            models.UniqueConstraint(
                Coalesce("account", 0), "kind", "outcome", "hour", name="tally_one_an_hour"
            ),
            models.CheckConstraint(condition=models.Q(count__gte=1), name="tally_counts_something"),
        ]

    def __str__(self) -> str:
        return f"{self.hour:%Y-%m-%d %H:00} {Outcome(self.outcome).name.lower()}: {self.count}"
