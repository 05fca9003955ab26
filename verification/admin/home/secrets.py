"""The part of home about secrets that end while WeChat still uses them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Exists, OuterRef
from django.utils.text import capfirst

from verification.models import AESKey, OfficialAccount, Token
from verification.models.rotating_secret import RotatingSecret
from verification.times import format_short

#: Home names what ends within this time.
SOON = timedelta(hours=24)


@dataclass(frozen=True)
class EndingSecret:
    kind: str  #: token or EncodingAESKey
    account: OfficialAccount
    fingerprint: str
    ends: str


def read_ending_secrets(now: datetime) -> list[EndingSecret]:
    """Return the previous secrets that end soon although WeChat has not used the current ones.

    The first that ends comes first. A paused account has none: its callbacks are refused anyway.
    """
    secrets = [*_ending(Token, now), *_ending(AESKey, now)]
    secrets.sort(key=lambda secret: secret.expires_at or now)
    return [
        EndingSecret(
            kind=capfirst(str(secret._meta.verbose_name)),
            account=secret.account,
            fingerprint=secret.fingerprint,
            ends=format_short(secret.expires_at or now),
        )
        for secret in secrets
    ]


def _ending(model: type[RotatingSecret], now: datetime) -> Iterator[RotatingSecret]:
    unused = model.objects.filter(
        account=OuterRef("account"), superseded_at=None, first_used_at=None
    )
    secrets = model.objects.live_at(now).filter(
        Exists(unused),
        superseded_at__isnull=False,
        first_used_at__isnull=False,
        expires_at__lte=now + SOON,
        account__is_paused=False,
    )
    yield from secrets.select_related("account")
