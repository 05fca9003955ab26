"""Rotates, reveals, keeps and retires tokens. Each of these functions writes a change event."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from verification import change_log
from verification.change_log import Action, Actor
from verification.fields import Secret
from verification.keys import fingerprint
from verification.models import OfficialAccount, Token
from verification.models.account import validate_secret
from verification.models.rotating_secret import OVERLAP

#: The value of `replaces` for an account without a token.
NO_TOKEN = 0


class RotatedMeanwhile(ValidationError):
    """Raised when the token to be replaced is no longer the current one."""


def rotate_token(
    account: OfficialAccount,
    text: str,
    actor: Actor,
    *,
    keep_old: timedelta | None = None,
    replaces: int | None = None,
) -> Token:
    """Make `text` the current token of `account`, or its first one.

    The old token stays valid until WeChat has used the new one and OVERLAP has passed. With
    `keep_old`, it and all tokens before it end after that time. With `replaces`, the current token
    must have that id (NO_TOKEN: there must be none). Raises ValidationError.
    """
    validate_secret(text)
    with transaction.atomic():
        # no_key: a stronger lock deadlocks with the writer, which reads accounts as it judges.
        OfficialAccount.objects.select_for_update(no_key=True).get(pk=account.pk)
        now = timezone.now()
        old = account.current_token
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
            created_by=actor.name,
        )
        if old is None:
            change_log.record(Action.TOKEN_CREATED, actor, account, token=token)
        else:
            hours = None if keep_old is None else keep_old // timedelta(hours=1)
            change_log.record(
                Action.TOKEN_ROTATED, actor, account, token=token, keep_old_hours=hours
            )
    return token


def _supersede(old: Token, now: datetime, keep_old: timedelta | None) -> None:
    old.superseded_at = now
    old.save(update_fields=["superseded_at"])
    if keep_old is None:
        return
    # Tokens superseded earlier end as well, because it is not known which token has leaked.
    outliving = Token.objects.live_at(now + keep_old)
    outliving.filter(account=old.account_id, superseded_at__isnull=False).update(
        expires_at=now + keep_old
    )


def reveal_token(token: Token, actor: Actor) -> str:
    """Return the token's text to show it to a person.

    Raises ValidationError if it was purged, and UndecryptableSecret if no key decrypts it.
    """
    if token.secret is None:
        raise ValidationError(_("This token has been purged."))
    text: str = token.secret.reveal()
    change_log.record(Action.TOKEN_REVEALED, actor, token.account, token=token)
    return text


def keep_token_longer(token: Token, actor: Actor) -> None:
    """Extend the validity of a previous token by OVERLAP.

    Raises ValidationError if the token is not about to end.
    """
    with transaction.atomic():
        ending = Token.objects.filter(pk=token.pk, expires_at__gt=timezone.now())
        if not ending.update(expires_at=models.F("expires_at") + OVERLAP):
            raise ValidationError(_("This is not a previous token that is about to end."))
        _record_new_end(Action.TOKEN_KEPT, token, actor)


def retire_token(token: Token, actor: Actor) -> None:
    """End the validity of a previous token now. Raises ValidationError if it has ended."""
    now = timezone.now()
    with transaction.atomic():
        valid = Token.objects.live_at(now).filter(pk=token.pk, superseded_at__isnull=False)
        if not valid.update(expires_at=now):
            raise ValidationError(_("This is not a previous token that is still valid."))
        _record_new_end(Action.TOKEN_RETIRED, token, actor)


def _record_new_end(action: Action, token: Token, actor: Actor) -> None:
    before = token.expires_at
    token.refresh_from_db(fields=["expires_at"])
    ends = [time.isoformat() if time else None for time in (before, token.expires_at)]
    change_log.record(action, actor, token.account, token=token, changes={"expires_at": ends})


def other_accounts_with(text: str, account: OfficialAccount) -> list[OfficialAccount]:
    """Return the other accounts where this token is valid now."""
    # Fingerprints cannot be compared: after a key rotation, older ones were made with another key.
    tokens = Token.objects.live_at(timezone.now()).exclude(account=account)
    return [token.account for token in tokens.select_related("account") if token.holds(text)]
