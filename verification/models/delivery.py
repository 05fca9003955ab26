"""The spool: message pushes that wait for their backend, and how the deliveries of an hour went."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from verification.models.account import OfficialAccount
from verification.models.choices import DELIVERY_RESULT_CHOICES


class Delivery(models.Model):
    """A push in the spool. Its payload is deleted when it is delivered, discarded or expired."""

    class State(models.IntegerChoices):
        WAITING = 1, _("waiting")
        DEAD = 2, _("dead letter")
        DELIVERED = 3, _("delivered")
        DISCARDED = 4, _("discarded")
        EXPIRED = 5, _("expired")

    #: The states in which there is a payload.
    STORED = (State.WAITING, State.DEAD)

    id = models.BigAutoField(primary_key=True)
    # No foreign key in the database: checking it would lock the account's row.
    account = models.ForeignKey(
        OfficialAccount,
        models.PROTECT,
        db_constraint=False,
        db_index=False,
        related_name="deliveries",
        verbose_name=_("account"),
    )
    webhook_id = models.CharField(max_length=32)  #: the same for each repeat of a message
    follower = models.CharField(max_length=32)  #: a HMAC: tells followers apart, names nobody
    request_id = models.UUIDField(_("request id"))
    received_at = models.DateTimeField(_("received"))
    state = models.SmallIntegerField(_("state"), choices=State, default=State.WAITING)
    size = models.IntegerField(_("bytes"))  #: of the payload, encrypted
    #: The query string, content type and body, encrypted. None once nobody needs it.
    payload = models.BinaryField(null=True)
    attempts = models.SmallIntegerField(_("attempts"), default=0)  #: while the backend took others
    due_at = models.DateTimeField(_("next attempt"))
    leased_until = models.DateTimeField(null=True)  #: a worker is delivering it
    last_result = models.SmallIntegerField(_("reason"), null=True, choices=DELIVERY_RESULT_CHOICES)
    last_status = models.SmallIntegerField(_("status"), null=True)
    last_attempt_at = models.DateTimeField(null=True)
    settled_at = models.DateTimeField(null=True)  #: when it stopped waiting

    class Meta:
        verbose_name = _("message in the spool")
        verbose_name_plural = _("messages in the spool")
        ordering = ["-id"]
        default_permissions = ("view",)
        permissions = [("manage_delivery", "Can retry and discard messages in the spool")]
        constraints = [
            models.UniqueConstraint("account", "webhook_id", name="delivery_one_per_message"),
            models.CheckConstraint(
                condition=models.Q(state__in=[1, 2], payload__isnull=False)
                | models.Q(state__in=[3, 4, 5], payload__isnull=True),
                name="delivery_has_payload_while_stored",
            ),
        ]
        indexes = [
            models.Index(
                fields=["account", "follower", "id"],
                condition=models.Q(state=1),
                name="delivery_by_follower",
            ),
            models.Index(
                fields=["account", "due_at", "id"],
                condition=models.Q(state=1),
                name="delivery_due",
            ),
            models.Index(
                fields=["account", "state"],
                condition=models.Q(state__in=[1, 2]),
                name="delivery_stored",
            ),
            models.Index(
                fields=["settled_at"],
                condition=models.Q(settled_at__isnull=False),
                name="delivery_settled",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pk}"


class DeliveryTally(models.Model):
    """Counts the deliveries of ten minutes by account, result, status and duration."""

    account = models.ForeignKey(
        OfficialAccount, models.CASCADE, db_constraint=False, db_index=False, related_name="+"
    )
    period = models.DateTimeField()  #: the start of the ten minutes
    result = models.SmallIntegerField(choices=DELIVERY_RESULT_CHOICES)
    status = models.SmallIntegerField(default=0)  #: of HTTP; 0 without an answer
    #: The backend took less than 1.25 ** bucket milliseconds, and no less than 1.25 ** (bucket-1).
    bucket = models.SmallIntegerField()
    count = models.IntegerField()
    last_at = models.DateTimeField()

    class Meta:
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                "account", "period", "result", "status", "bucket", name="delivery_tally_key"
            )
        ]

    def __str__(self) -> str:
        return f"{self.period:%Y-%m-%d %H:%M} {self.result}: {self.count}"
