"""Where the log begins since its old end was pruned."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from verification.models.chain import ChainHead


class Checkpoint(models.Model):
    """One row, replaced by every pruning, or none: stands for all seals up to last_seal_id.

    How many went needs no column: seals and attempts are numbered from 1 without a gap.
    """

    id = models.SmallIntegerField(primary_key=True, default=1)
    last_attempt_id = models.BigIntegerField()
    last_seal_id = models.BigIntegerField()
    recorded_at = models.DateTimeField()  #: of the last attempt that went
    key_id = models.CharField(max_length=8)
    digest = models.BinaryField(max_length=32)  #: of the last seal that went
    mac = models.BinaryField(max_length=32)

    class Meta:
        verbose_name = _("checkpoint")
        verbose_name_plural = _("checkpoint")
        default_permissions = ()
        constraints = [
            models.CheckConstraint(condition=models.Q(id=1), name="checkpoint_is_one_row"),
        ]

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
