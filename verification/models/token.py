"""Tokens: what WeChat and we both know. Rotating inserts a new one and gives the old one an end."""

from __future__ import annotations

import re
import secrets
from datetime import datetime, timedelta
from typing import ClassVar, Unpack

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from verification.fields import EncryptedTextField, Secret, UndecryptableSecret
from verification.keys import fingerprint
from verification.models.account import OfficialAccount
from verification.models.change_event import ChangeEvent, Who

# The console: "Token必须为英文或数字，长度为3-32字符".
SHAPE = re.compile(r"[A-Za-z0-9]{3,32}")
SHORT = 16
ALPHABET = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"

#: What a first token replaces.
NO_TOKEN = 0
#: How long the old token stays valid after WeChat has used the new one.
OVERLAP = timedelta(hours=24)
UNTIL_USED = "until used + 24 h"


def generate_secret() -> str:
    """32 letters and digits without 0 O 1 l I: as long as WeChat takes, 185 bits."""
    return "".join(secrets.choice(ALPHABET) for _ in range(32))


def validate_secret(text: str) -> None:
    """Raise ValidationError unless WeChat's console would take it as a token."""
    if any(letter.isspace() for letter in text):
        raise ValidationError(_("The token has a space or line break in it; remove it."))
    if not SHAPE.fullmatch(text):
        raise ValidationError(_("A token has 3 to 32 letters and digits, nothing else."))


def others_with(text: str, account: OfficialAccount) -> list[OfficialAccount]:
    """The other accounts at which this token is valid now."""
    # Not by fingerprint: those of tokens from before a key rotation were made with an older key.
    tokens = Token.objects.live_at(timezone.now()).exclude(account=account)
    return [token.account for token in tokens.select_related("account") if token.holds(text)]


class TokenQuerySet(models.QuerySet["Token"]):
    def live_at(self, moment: datetime) -> TokenQuerySet:
        """Current tokens, and previous ones that are still valid."""
        is_valid = models.Q(expires_at=None) | models.Q(expires_at__gt=moment)
        return self.filter(is_valid, secret__isnull=False)


class Token(models.Model):
    id = models.AutoField(primary_key=True)
    account = models.ForeignKey(
        OfficialAccount, models.CASCADE, related_name="tokens", verbose_name=_("official account")
    )
    secret = EncryptedTextField(_("token"), null=True, editable=False)
    fingerprint = models.CharField(_("fingerprint"), max_length=6, editable=False)
    created_at = models.DateTimeField(_("since"), default=timezone.now, editable=False)
    created_by = models.CharField(_("by"), max_length=150, editable=False)
    superseded_at = models.DateTimeField(_("superseded"), null=True, editable=False)
    expires_at = models.DateTimeField(_("valid until"), null=True, editable=False)
    first_used_at = models.DateTimeField(_("first used"), null=True, editable=False)

    objects: ClassVar[models.Manager[Token]] = TokenQuerySet.as_manager()

    class Meta:
        verbose_name = _("token")
        verbose_name_plural = _("tokens")
        ordering = ["-id"]
        default_permissions = ()
        permissions = [
            ("reveal_token", "Can reveal a token"),
            ("rotate_token", "Can rotate a token"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["account"],
                condition=models.Q(superseded_at=None),
                name="token_one_current_per_account",
            ),
            models.CheckConstraint(condition=~models.Q(secret=""), name="token_secret_not_empty"),
            models.CheckConstraint(
                condition=models.Q(superseded_at__isnull=False)
                | models.Q(secret__isnull=False, expires_at=None),
                name="token_current_has_secret_and_no_end",
            ),
        ]

    def __str__(self) -> str:
        return self.fingerprint

    @property
    def is_current(self) -> bool:
        return self.superseded_at is None

    def is_live_at(self, moment: datetime) -> bool:
        return self.secret is not None and (self.expires_at is None or self.expires_at > moment)

    def holds(self, text: str) -> bool:
        """Whether this is the secret; one that no key decrypts any more is taken for another."""
        try:
            return self.secret is not None and self.secret.reveal() == text
        except UndecryptableSecret:
            return False

    def reveal(self, **who: Unpack[Who]) -> str:
        """The secret, for a person who asked to see it; that they did is recorded."""
        if self.secret is None:
            raise ValidationError(_("This token has been purged."))
        text: str = self.secret.reveal()
        self._record(ChangeEvent.Action.TOKEN_REVEALED, who)
        return text

    def keep_longer(self, **who: Unpack[Who]) -> None:
        """Let WeChat sign with this previous token for OVERLAP more. Raises ValidationError."""
        with transaction.atomic():
            ending = Token.objects.filter(pk=self.pk, expires_at__gt=timezone.now())
            if not ending.update(expires_at=models.F("expires_at") + OVERLAP):
                raise ValidationError(_("This is not a previous token that is about to end."))
            self._record(ChangeEvent.Action.TOKEN_KEPT, who)

    def retire(self, **who: Unpack[Who]) -> None:
        """Refuse this previous token from now on. Raises ValidationError."""
        now = timezone.now()
        with transaction.atomic():
            valid = Token.objects.live_at(now).filter(pk=self.pk, superseded_at__isnull=False)
            if not valid.update(expires_at=now):
                raise ValidationError(_("This is not a previous token that is still valid."))
            self._record(ChangeEvent.Action.TOKEN_RETIRED, who)

    def _record(self, action: str, who: Who, detail: str = "") -> None:
        ChangeEvent.objects.create(
            action=action,
            account=self.account,
            token_fingerprint=self.fingerprint,
            detail=detail,
            **who,
        )

    def note_use(self, moment: datetime) -> None:
        """WeChat has signed with this token: begin the end of those it replaced."""
        if self.first_used_at is not None:
            return
        Token.objects.filter(pk=self.pk).update(first_used_at=moment)
        if self.is_current:
            waiting = Token.objects.filter(
                account=self.account_id,
                superseded_at__isnull=False,
                expires_at=None,
                pk__lt=self.pk,  # not this one, should it have been rotated away meanwhile
            )
            waiting.update(expires_at=moment + OVERLAP)


class RotatedMeanwhile(ValidationError):
    """The token that was to be replaced is not the current one any more."""


def rotate_token(
    account: OfficialAccount,
    text: str,
    *,
    keep_old: timedelta | None = None,
    replaces: int | None = None,
    **who: Unpack[Who],
) -> Token:
    """Make `text` the current token of `account`, or its first one.

    The old token stays valid until WeChat has used the new one and OVERLAP has passed; with
    `keep_old` it and all before it end after that time. With `replaces`, only the token of that
    id is replaced, or none with NO_TOKEN. Raises ValidationError.
    """
    validate_secret(text)
    with transaction.atomic():
        # no_key: a stronger lock deadlocks with the writer, which reads accounts as it judges.
        OfficialAccount.objects.select_for_update(no_key=True).get(pk=account.pk)
        now = timezone.now()
        old = Token.objects.filter(account=account, superseded_at=None).first()
        if replaces is not None and replaces != (old.pk if old else NO_TOKEN):
            raise RotatedMeanwhile(_("The token was rotated in the meantime."))
        if old is not None:
            if old.holds(text):
                raise ValidationError(_("This is the current token already."))
            _supersede(old, now, keep_old)
        token = Token.objects.create(
            account=account,
            secret=Secret.of(text),
            fingerprint=fingerprint(text),
            created_at=now,
            created_by=who["actor"],
        )
        if old is None:
            token._record(ChangeEvent.Action.TOKEN_CREATED, who)
        else:
            token._record(ChangeEvent.Action.TOKEN_ROTATED, who, overlap_in_words(keep_old))
    return token


def _supersede(old: Token, now: datetime, keep_old: timedelta | None) -> None:
    old.superseded_at = now
    old.save(update_fields=["superseded_at"])
    if keep_old is None:
        return
    # All that were superseded before end, too: which of them has leaked is not known.
    outliving = Token.objects.live_at(now + keep_old)
    outliving.filter(account=old.account_id, superseded_at__isnull=False).update(
        expires_at=now + keep_old
    )


def overlap_in_words(keep_old: timedelta | None) -> str:
    """How long the old token stays valid, for the change log."""
    return UNTIL_USED if keep_old is None else f"{keep_old // timedelta(hours=1)} h"
