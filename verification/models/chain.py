"""Seals and the head of their chain: what makes a change to the log visible."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

GENESIS = bytes(32)


class Seal(models.Model):
    """Covers the attempts first_id … first_id + count - 1 and, through the digest, all before."""

    id = models.BigIntegerField(primary_key=True)
    first_id = models.BigIntegerField(_("first attempt"))
    count = models.IntegerField(_("attempts"))
    version = models.SmallIntegerField(_("version"))
    key_id = models.CharField(_("key"), max_length=8)
    digest = models.BinaryField(_("digest"), max_length=32)
    mac = models.BinaryField(_("MAC"), max_length=32)

    class Meta:
        verbose_name = _("seal")
        verbose_name_plural = _("seals")
        ordering = ["-id"]
        default_permissions = ("view",)
        constraints = [
            models.CheckConstraint(condition=models.Q(count__gte=1), name="seal_covers_something"),
        ]

    def __str__(self) -> str:
        return f"{self.pk}"

    @property
    def last_id(self) -> int:
        return self.first_id + self.count - 1


class ChainHead(models.Model):
    """One row. Locked when a batch has been judged, so commit order is chain order everywhere."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    last_attempt_id = models.BigIntegerField(default=0)
    last_seal_id = models.BigIntegerField(default=0)
    last_digest = models.BinaryField(max_length=32, default=GENESIS)
    last_recorded_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name = _("chain head")
        verbose_name_plural = _("chain head")
        default_permissions = ()
        constraints = [
            models.CheckConstraint(condition=models.Q(id=1), name="chain_head_is_one_row"),
        ]

    def __str__(self) -> str:
        return f"{self.last_seal_id}"

    def move_to(self, seal: Seal) -> None:
        """Make `seal` the last one."""
        self.last_seal_id, self.last_attempt_id = seal.id, seal.last_id
        self.last_digest = bytes(seal.digest)

    @property
    def text(self) -> str:
        """What is kept elsewhere, to show later that nothing was cut off or rewritten."""
        return f"{self.last_seal_id}:{bytes(self.last_digest).hex()}"


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
