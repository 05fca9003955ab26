"""What people are told by `manage.py watch`, and how far it has looked."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import models

#: A trouble that comes and goes is told at most once in this time.
QUIET_TIME = timedelta(hours=1)
#: One that lasts is told again after this time.
REMINDER = timedelta(hours=24)
MAX_TITLE_LENGTH, MAX_TEXT_LENGTH = 200, 1000


class Alert(models.Model):
    """One trouble, from its beginning to its end, and which channels still have to tell it."""

    key = models.CharField(max_length=64, unique=True)
    title = models.CharField(max_length=MAX_TITLE_LENGTH)
    text = models.CharField(max_length=MAX_TEXT_LENGTH)
    link = models.CharField(max_length=200)
    began_at = models.DateTimeField()
    seen_at = models.DateTimeField()  #: when the trouble last showed
    told_at = models.DateTimeField(null=True)
    is_over = models.BooleanField(default=False)
    waiting = models.JSONField(default=list)  #: names of channels

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.key

    @property
    def is_told(self) -> bool:
        return self.told_at is not None and self.told_at >= self.began_at

    def is_due(self, now: datetime) -> bool:
        """Nothing of the kind was told within QUIET_TIME, or of this very trouble for a day."""
        if self.is_over:
            return False
        if self.told_at is None:
            return True
        if self.is_told:
            return self.seen_at > self.told_at and now - self.told_at >= REMINDER
        return now - self.told_at >= QUIET_TIME


class WatchPosition(models.Model):
    """One row: up to where the last look went, what was sent, and whose turn it is to look."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    began_at = models.DateTimeField()
    last_attempt_id = models.BigIntegerField(default=0)
    last_seal_id = models.BigIntegerField(default=0)
    last_digest = models.BinaryField(max_length=32, default=bytes)
    sent = models.JSONField(default=dict)  #: by channel, the times of this hour's messages
    holder = models.CharField(max_length=32, default="")
    held_until = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()
        constraints = [
            models.CheckConstraint(condition=models.Q(id=1), name="watch_position_is_one_row"),
        ]

    def __str__(self) -> str:
        return f"{self.last_attempt_id}"
