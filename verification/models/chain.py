"""The seals, the head of their chain and the checkpoint: they make changes to the log visible."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from verification.models.change_event import name_actor

GENESIS = bytes(32)


class Seal(models.Model):
    """Covers the attempts first_id to last_id and, through the previous digest, all before them."""

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
    """Holds the end of the chain, in one row.

    The writer locks it when a batch has been judged, so commits have the order of the chain.
    """

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
        """Make `seal` the last seal. The time of its last attempt is left as it was."""
        self.last_seal_id, self.last_attempt_id = seal.id, seal.last_id
        self.last_digest = bytes(seal.digest)

    @property
    def text(self) -> str:
        """The head as SEAL:DIGEST. A copy elsewhere shows if the log was cut off or rewritten."""
        return f"{self.last_seal_id}:{bytes(self.last_digest).hex()}"


class Checkpoint(models.Model):
    """Replaces the seals up to last_seal_id and their attempts, which were pruned.

    There is one row at most. Each step of a pruning adds a checkpoint and removes the previous one,
    whose MAC would always need an old key; the change log has an event for each pruning. The number
    of pruned seals and attempts needs no column, because both are numbered from 1 without gaps.
    """

    last_seal_id = models.BigIntegerField(primary_key=True)
    last_attempt_id = models.BigIntegerField()
    recorded_at = models.DateTimeField()  #: of the last pruned attempt
    pruned_at = models.DateTimeField()
    actor = models.CharField(max_length=150)
    key_id = models.CharField(max_length=8)
    digest = models.BinaryField(max_length=32)  #: of the last pruned seal
    mac = models.BinaryField(max_length=32)

    class Meta:
        verbose_name = _("checkpoint")
        verbose_name_plural = _("checkpoint")
        ordering = ["-last_seal_id"]  # the first one is valid
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.last_seal_id}"

    @property
    def actor_name(self) -> str:
        return name_actor(self.actor)

    @property
    def place(self) -> ChainHead:
        """The place in the chain that the oldest stored seal continues."""
        return ChainHead(
            last_attempt_id=self.last_attempt_id,
            last_seal_id=self.last_seal_id,
            last_digest=bytes(self.digest),
            last_recorded_at=self.recorded_at,
        )
