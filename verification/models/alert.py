"""The alerts of `manage.py watch`, and the position up to which it has read the log."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.db import models

#: A problem that ends and begins again is sent at most once in this time.
QUIET_TIME = timedelta(hours=1)
#: A problem that lasts is sent again after this time.
REMINDER = timedelta(hours=24)
#: Conditions that report no problem, and have no end.
GOOD_NEWS = {"first_success"}
#: The condition of a log that does not contain a head that was seen before. It has no end.
WENT_BACK = "head_went_back"
#: Conditions that report a problem of the log itself.
ABOUT_LOG = {"chain_broken", "seal_key_missing", WENT_BACK, "schema_differs"}
MAX_TITLE_LENGTH, MAX_TEXT_LENGTH = 200, 1000


class Alert(models.Model):
    """Records a problem from its beginning to its end, and which channels have yet to send it."""

    key = models.CharField(max_length=64, unique=True)
    title = models.CharField(max_length=MAX_TITLE_LENGTH)
    text = models.CharField(max_length=MAX_TEXT_LENGTH)
    link = models.CharField(max_length=200)
    began_at = models.DateTimeField()
    seen_at = models.DateTimeField()  #: when the problem was last found
    told_at = models.DateTimeField(null=True)
    is_over = models.BooleanField(default=False)
    waiting = models.JSONField(default=list)  #: names of the channels that have yet to send it

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return self.key

    @property
    def condition(self) -> str:
        """The name of the condition that found the problem."""
        return self.key.partition(":")[0]

    @property
    def was_reported(self) -> bool:
        """Whether the problem was reported since it began."""
        return self.told_at is not None and self.told_at >= self.began_at

    def is_due(self, now: datetime) -> bool:
        """Return whether the alert is to be sent now.

        That is when it is new, began again after QUIET_TIME, or has lasted for another REMINDER.
        """
        if self.is_over:
            return False
        if self.told_at is None:
            return True
        if self.was_reported:
            return self.seen_at > self.told_at and now - self.told_at >= REMINDER
        return now - self.told_at >= QUIET_TIME


class WatchPosition(models.Model):
    """Holds, in one row, how far a round read, what was sent this hour, and who has the lease."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    began_at = models.DateTimeField()
    last_attempt_id = models.BigIntegerField(default=0)
    last_seal_id = models.BigIntegerField(default=0)
    last_digest = models.BinaryField(max_length=32, default=bytes)
    sent = models.JSONField(default=dict)  #: the times of this hour's messages, by channel
    holder = models.CharField(max_length=32, default="")
    held_until = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()
        constraints = [
            models.CheckConstraint(condition=models.Q(id=1), name="watch_position_is_one_row"),
        ]

    def __str__(self) -> str:
        return f"{self.last_attempt_id}"
