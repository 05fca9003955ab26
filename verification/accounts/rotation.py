"""Rotates, reveals, keeps and retires tokens and EncodingAESKeys.

Each of these functions writes a change event.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import NamedTuple, TypeVar

from django.core.exceptions import ValidationError
from django.db import models, transaction
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from verification import change_log
from verification.change_log import Action, Actor
from verification.fields import Secret
from verification.keys import fingerprint
from verification.models import AESKey, Backend, OfficialAccount, Token
from verification.models.rotating_secret import OVERLAP, RotatingSecret

S = TypeVar("S", bound=RotatingSecret)

#: The value of `replaces` for an account without a secret of this model.
NO_SECRET = 0


class Actions(NamedTuple):
    created: Action
    rotated: Action
    revealed: Action
    kept: Action
    retired: Action


ACTIONS: dict[type[RotatingSecret], Actions] = {
    Token: Actions(
        Action.TOKEN_CREATED,
        Action.TOKEN_ROTATED,
        Action.TOKEN_REVEALED,
        Action.TOKEN_KEPT,
        Action.TOKEN_RETIRED,
    ),
    AESKey: Actions(
        Action.AES_KEY_CREATED,
        Action.AES_KEY_ROTATED,
        Action.AES_KEY_REVEALED,
        Action.AES_KEY_KEPT,
        Action.AES_KEY_RETIRED,
    ),
}


class RotatedMeanwhile(ValidationError):
    """Raised when the secret to be replaced is no longer the current one."""


def rotate(
    model: type[S],
    account: OfficialAccount,
    text: str,
    actor: Actor,
    *,
    keep_old: timedelta | None = None,
    replaces: int | None = None,
) -> S:
    """Make `text` the current secret of `account`, or its first one of this model.

    The old one stays valid until WeChat has used the new one and OVERLAP has passed. With
    `keep_old`, it and all before it end after that time. With `replaces`, the current one must have
    that id (NO_SECRET: there must be none). Raises ValidationError.
    """
    name = {"secret": model._meta.verbose_name}
    with transaction.atomic():
        # no_key: a stronger lock deadlocks with the writer, which reads accounts as it judges.
        OfficialAccount.objects.select_for_update(no_key=True).get(pk=account.pk)
        now = timezone.now()
        old = current_secret(model, account)
        if replaces is not None and replaces != (old.pk if old else NO_SECRET):
            raise RotatedMeanwhile(_("The %(secret)s was rotated in the meantime."), params=name)
        if old is not None:
            if old.holds(text):
                raise ValidationError(_("This is the current %(secret)s already."), params=name)
            _supersede(old, now, keep_old)
        new = model._default_manager.create(
            account=account,
            secret=Secret.of(text),
            fingerprint=fingerprint(text),
            created_at=now,
            created_by=actor.name,
        )
        if old is None:
            change_log.record(ACTIONS[model].created, actor, account, secret=new)
        else:
            hours = None if keep_old is None else keep_old // timedelta(hours=1)
            change_log.record(
                ACTIONS[model].rotated, actor, account, secret=new, keep_old_hours=hours
            )
    return new


def current_secret(model: type[S], account: OfficialAccount) -> S | None:
    """Return the current secret of this model, or None."""
    return model._default_manager.filter(account=account, superseded_at=None).first()


def _supersede(old: RotatingSecret, now: datetime, keep_old: timedelta | None) -> None:
    old.superseded_at = now
    old.save(update_fields=["superseded_at"])
    if keep_old is None:
        return
    # Those superseded earlier end as well, because it is not known which one has leaked.
    outliving = type(old).objects.live_at(now + keep_old)
    outliving.filter(account=old.account_id, superseded_at__isnull=False).update(
        expires_at=now + keep_old
    )


def reveal(secret: RotatingSecret, actor: Actor) -> str:
    """Return the text of the secret to show it to a person.

    Raises ValidationError if it was purged, and UndecryptableSecret if no key decrypts it.
    """
    if secret.secret is None:
        raise ValidationError(_("This %(secret)s has been purged."), params=_name(secret))
    text: str = secret.secret.reveal()
    change_log.record(ACTIONS[type(secret)].revealed, actor, secret.account, secret=secret)
    return text


def keep_longer(secret: RotatingSecret, actor: Actor) -> None:
    """Extend the validity of a previous secret by OVERLAP.

    Raises ValidationError if it is not about to end.
    """
    with transaction.atomic():
        ending = type(secret).objects.filter(pk=secret.pk, expires_at__gt=timezone.now())
        if not ending.update(expires_at=models.F("expires_at") + OVERLAP):
            message = _("This is not a previous %(secret)s that is about to end.")
            raise ValidationError(message, params=_name(secret))
        _record_new_end(ACTIONS[type(secret)].kept, secret, actor)


def retire(secret: RotatingSecret, actor: Actor) -> None:
    """End the validity of a previous secret now. Raises ValidationError if it has ended.

    A current one can be retired only if the account can be without it, and the previous ones end
    with it. The backend of the account must not need it.
    """
    now = timezone.now()
    with transaction.atomic():
        if secret.is_current:
            # Locked, so that the backend does not change meanwhile.
            OfficialAccount.objects.select_for_update(no_key=True).get(pk=secret.account_id)
        require_unneeded(secret)
        ending = type(secret).objects.live_at(now).filter(account=secret.account_id)
        if not secret.is_current:
            ending = ending.filter(pk=secret.pk, superseded_at__isnull=False)
        secrets = list(ending.select_for_update(no_key=True))
        if not secrets:
            message = _("This is not a previous %(secret)s that is still valid.")
            raise ValidationError(message, params=_name(secret))
        ending.update(expires_at=now, superseded_at=Coalesce("superseded_at", now))
        for ended in secrets:
            _record_new_end(ACTIONS[type(secret)].retired, ended, actor)


def require_unneeded(secret: RotatingSecret) -> None:
    """Raise ValidationError if the account, or its backend, needs this current secret."""
    if not secret.is_current:
        return
    if not secret.is_optional:
        message = _("This is the current %(secret)s, which the account needs. Rotate it instead.")
        raise ValidationError(message, params=_name(secret))
    if Backend.objects.filter(account=secret.account_id, forwards_decrypted=True).exists():
        raise ValidationError(
            _(
                "The backend gets messages decrypted, which needs this key. First change the "
                "backend so that it gets messages as they come."
            )
        )


def _name(secret: RotatingSecret) -> dict[str, object]:
    return {"secret": secret._meta.verbose_name}


def _record_new_end(action: Action, secret: RotatingSecret, actor: Actor) -> None:
    before = secret.expires_at
    secret.refresh_from_db(fields=["expires_at"])
    ends = [time.isoformat() if time else None for time in (before, secret.expires_at)]
    change_log.record(action, actor, secret.account, secret=secret, changes={"expires_at": ends})
