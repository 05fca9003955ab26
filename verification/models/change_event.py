"""The change log: what people did. It never has secrets, and keeps the names of deleted users."""

from __future__ import annotations

import json
from typing import Any

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from verification.models.account import OfficialAccount

#: Characters. It is the limit of a user name.
MAX_ACTOR_LENGTH = 150


COMMAND_LINE = "command line"


def name_actor(actor: str) -> str:
    """Return a recorded actor for a page: a user name, or the command line in its language."""
    if not actor.startswith(COMMAND_LINE):
        return actor
    return gettext("command line") + actor.removeprefix(COMMAND_LINE)


class FactsEncoder(json.JSONEncoder):
    """Writes characters without escapes, so that a search on SQLite finds Chinese names."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{**options, "ensure_ascii": False})


#: Stands for what record() has not written. It differs from all that record() writes.
UNREADABLE = {"unreadable": True}


class ReadableJSONField(models.JSONField):
    """Reads a JSON object, whatever the database's owner has put into its place.

    Other values, huge numbers and deep nesting must not keep the log from being checked and shown.
    """

    def from_db_value(self, value: Any, *context: Any) -> Any:
        if value is None:
            return None
        try:
            read = super().from_db_value(value, *context)
        except (ValueError, RecursionError):
            return UNREADABLE
        return read if isinstance(read, dict) else UNREADABLE

    def deconstruct(self) -> Any:
        name, _path, args, kwargs = super().deconstruct()
        return name, "django.db.models.JSONField", args, kwargs


class ChangeEvent(models.Model):
    class Action(models.TextChoices):
        ACCOUNT_CREATED = "account_created", _("account created")
        ACCOUNT_CHANGED = "account_changed", _("account changed")
        ACCOUNT_PAUSED = "account_paused", _("account paused")
        ACCOUNT_RESUMED = "account_resumed", _("account resumed")
        ACCOUNT_DELETED = "account_deleted", _("account deleted")
        TOKEN_CREATED = "token_created", _("token created")
        TOKEN_ROTATED = "token_rotated", _("token rotated")
        TOKEN_KEPT = "token_kept", _("old token kept longer")
        TOKEN_RETIRED = "token_retired", _("token retired")
        TOKEN_REVEALED = "token_revealed", _("token revealed")
        AES_KEY_CREATED = "aes_key_created", _("EncodingAESKey created")
        AES_KEY_ROTATED = "aes_key_rotated", _("EncodingAESKey rotated")
        AES_KEY_KEPT = "aes_key_kept", _("old EncodingAESKey kept longer")
        AES_KEY_RETIRED = "aes_key_retired", _("EncodingAESKey retired")
        AES_KEY_REVEALED = "aes_key_revealed", _("EncodingAESKey revealed")
        BACKEND_SET = "backend_set", _("backend set")
        BACKEND_CHANGED = "backend_changed", _("backend changed")
        BACKEND_REMOVED = "backend_removed", _("backend removed")
        # pragma: allowlist nextline secret
        WEBHOOK_SECRET_ROTATED = "webhook_secret_rotated", _("webhook secret rotated")
        # pragma: allowlist nextline secret
        WEBHOOK_SECRET_REVEALED = "webhook_secret_revealed", _("webhook secret revealed")
        DELIVERIES_RETRIED = "deliveries_retried", _("messages in the spool retried")
        DELIVERIES_DISCARDED = "deliveries_discarded", _("messages in the spool discarded")
        PASSWORD_ACCEPTED = "password_accepted", _("password accepted")
        SIGNED_IN = "signed_in", _("signed in")
        SIGN_IN_FAILED = "sign_in_failed", _("sign-in failed")
        SIGNED_OUT = "signed_out", _("signed out")
        USER_CREATED = "user_created", _("user created")
        USER_RENAMED = "user_renamed", _("user renamed")
        USER_DELETED = "user_deleted", _("user deleted")
        ROLE_GRANTED = "role_granted", _("role granted")
        ROLE_REVOKED = "role_revoked", _("role revoked")
        ROLE_CHANGED = "role_changed", _("role changed")
        PASSWORD_CHANGED = "password_changed", _("password changed")
        SECOND_FACTOR_SET_UP = "second_factor_set_up", _("second factor set up")
        SECOND_FACTOR_REFUSED = "second_factor_refused", _("second factor refused")
        SECOND_FACTOR_RESET = "second_factor_reset", _("second factor reset")
        RECOVERY_CODE_USED = "recovery_code_used", _("recovery code used")
        LOG_CHECKED = "log_checked", _("log checked")
        EXPORTED = "exported", _("log exported")
        SIGNED_OFF = "signed_off", _("period signed off")
        TRIGGERS_INSTALLED = "triggers_installed", _("triggers installed again")
        PRUNED = "pruned", _("old records pruned")
        KEYS_ROTATED = "keys_rotated", _("encryption keys rotated")
        ACCOUNTS_RECORDED = "accounts_recorded", _("accounts recorded")

    recorded_at = models.DateTimeField(_("time"), default=timezone.now, db_index=True)
    actor = models.CharField(_("who"), max_length=MAX_ACTOR_LENGTH)
    action = models.CharField(_("what"), max_length=32, choices=Action)
    account = models.ForeignKey(
        OfficialAccount,
        models.DO_NOTHING,
        null=True,
        related_name="change_events",
        verbose_name=_("account"),
        # An account that was never called may be deleted; its change events stay.
        db_constraint=False,
    )
    token_fingerprint = models.CharField(_("fingerprint"), max_length=6, blank=True)
    detail = models.CharField(_("detail"), max_length=200, blank=True)
    client_ip = models.GenericIPAddressField(_("source IP"), null=True)
    #: The details of an action as data, for programs and pages to read.
    facts = ReadableJSONField(_("facts"), default=dict, encoder=FactsEncoder)
    # The chain. Events of a release that signed none lack it.
    key_id = models.CharField(_("key"), max_length=8, db_default="")
    mac = models.BinaryField(_("MAC"), max_length=32, null=True)
    #: The digest of the event before this one.
    previous = models.BinaryField(max_length=32, null=True)
    #: Of the accounts that the event changed, as they are then: see account_digests.py.
    account_digests = ReadableJSONField(null=True)

    class Meta:
        verbose_name = _("change event")
        verbose_name_plural = _("change log")
        ordering = ["-id"]
        default_permissions = ("view",)
        indexes = [models.Index(fields=["action", "id"], name="change_event_by_action")]

    def __str__(self) -> str:
        return f"{self.actor_name}: {self.get_action_display()}"

    @property
    def actor_name(self) -> str:
        return name_actor(self.actor)
