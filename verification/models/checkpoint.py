"""Where the log begins since its old end was pruned."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from verification.models.chain import ChainHead


class Checkpoint(models.Model):
    """Stands for all seals up to last_seal_id, and what they covered. There is one row, or none.

    Each step of a pruning adds its own and removes the one before, whose MAC would need an old key
    for ever; the change log tells of each pruning. How many went in all needs no column: seals and
    attempts are numbered from 1 without a gap.
    """

    last_seal_id = models.BigIntegerField(primary_key=True)
    last_attempt_id = models.BigIntegerField()
    recorded_at = models.DateTimeField()  #: of the last attempt that went
    pruned_at = models.DateTimeField()
    actor = models.CharField(max_length=150)
    key_id = models.CharField(max_length=8)
    digest = models.BinaryField(max_length=32)  #: of the last seal that went
    mac = models.BinaryField(max_length=32)

    class Meta:
        verbose_name = _("checkpoint")
        verbose_name_plural = _("checkpoint")
        ordering = ["-last_seal_id"]  # the first is the one that holds
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.last_seal_id}"

    @property
    def place(self) -> ChainHead:
        """What the chain continues from."""
        return ChainHead(
            last_attempt_id=self.last_attempt_id,
            last_seal_id=self.last_seal_id,
            last_digest=bytes(self.digest),
            last_recorded_at=self.recorded_at,
        )
