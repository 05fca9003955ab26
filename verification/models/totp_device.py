"""A person's authenticator app, and the recovery codes for when it is lost.

django-otp's own devices keep seeds and recovery codes in the clear, and its admin shows them.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django_otp.models import Device, ThrottlingMixin
from django_otp.oath import TOTP

from verification.fields import EncryptedTextField, Secret, UndecryptableSecret

CODE = re.compile(r"[0-9]{6}")
ISSUER = "wechat_gateway"
#: A clock may be wrong by this many steps of 30 seconds; drift follows one that keeps going wrong.
TOLERANCE = 1
LONGEST_WAIT = timedelta(minutes=15)
RECOVERY_CODES = 10
RECOVERY_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


def new_seed() -> Secret:
    """160 bits, as RFC 4226 wants them."""
    return Secret.of(base64.b32encode(secrets.token_bytes(20)).decode())


class TotpDevice(ThrottlingMixin, Device):
    seed = EncryptedTextField(_("seed"), editable=False)
    drift = models.SmallIntegerField(default=0)
    last_step = models.BigIntegerField(default=-1)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        verbose_name = _("authenticator")
        verbose_name_plural = _("authenticators")
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["user"], name="totp_device_one_per_user"),
            models.CheckConstraint(condition=~models.Q(seed=""), name="totp_device_has_a_seed"),
        ]

    @classmethod
    def of(cls, user: AbstractBaseUser, *, since: datetime) -> TotpDevice:
        """The user's device. Until it is confirmed its seed is no older than this sign-in."""
        start = {"confirmed": False, "seed": new_seed()}
        device: TotpDevice = cls.objects.get_or_create(user=user, defaults=start)[0]
        if not device.confirmed and (device.created_at < since or not device.is_readable()):
            # By its seed: of two tabs, the second keeps what the first has shown.
            stale = cls.objects.filter(pk=device.pk, confirmed=False, seed=device.seed)
            stale.update(seed=new_seed(), created_at=timezone.now())
            device.refresh_from_db()
        return device

    def is_readable(self) -> bool:
        try:
            return bool(self.seed_text())
        except UndecryptableSecret:
            return False

    def seed_text(self) -> str:
        """What an authenticator app is given. Raises UndecryptableSecret."""
        assert self.seed is not None  # the database says so
        return self.seed.reveal()

    def url(self) -> str:
        """What the QR code says: https://github.com/google/google-authenticator/wiki/Key-Uri-Format"""
        host = settings.PUBLIC_URL.partition("://")[2]
        issuer = f"{ISSUER} {host}".strip().replace(":", " ")
        label = quote(f"{issuer}:{self.user.get_username()}")
        query = urlencode({"secret": self.seed_text(), "issuer": issuer}, quote_via=quote)
        return f"otpauth://totp/{label}?{query}"

    # --- Verifying; django_otp.verify_token calls this with the row locked

    def verify_token(self, token: str) -> bool:
        is_allowed, _why = self.verify_is_allowed()
        if not is_allowed:
            return False
        if self._takes_code(token) or self._takes_recovery_code(token):
            self.throttle_reset(commit=False)
            self.save()
            return True
        self.throttle_increment()
        return False

    def verify_is_allowed(self) -> tuple[bool, Any]:
        """As django-otp has it, but nobody waits for days after a stranger's guesses."""
        is_allowed, why = super().verify_is_allowed()
        if is_allowed:
            return True, None
        assert self.throttling_failure_timestamp is not None
        longest = self.throttling_failure_timestamp + LONGEST_WAIT
        why["locked_until"] = min(why["locked_until"], longest)
        return why["locked_until"] <= timezone.now(), why

    def get_throttle_factor(self) -> int:
        """Seconds to wait after the first wrong code, doubled by each that follows."""
        return 1

    def _takes_code(self, token: str) -> bool:
        if not CODE.fullmatch(token):
            return False
        totp = TOTP(base64.b32decode(self.seed_text()), drift=self.drift)
        totp.time = timezone.now().timestamp()
        # A code is taken once: the next must belong to a later step.
        if not totp.verify(int(token), TOLERANCE, self.last_step + 1):
            return False
        self.last_step, self.drift = totp.t(), totp.drift
        return True

    def _takes_recovery_code(self, token: str) -> bool:
        spent, _by_model = self.recovery_codes.filter(digest=digest_of(token)).delete()
        return spent > 0

    # --- Enrolling

    def confirm(self) -> list[str]:
        """Make it the user's second factor, and give new recovery codes, kept only as digests.

        Empty if it was confirmed already: then they have been shown.
        """
        with transaction.atomic():
            waiting = TotpDevice.objects.filter(pk=self.pk, confirmed=False)
            if not waiting.update(confirmed=True):
                return []
            self.confirmed = True
            codes = [new_recovery_code() for _number in range(RECOVERY_CODES)]
            RecoveryCode.objects.bulk_create(
                RecoveryCode(device=self, digest=digest_of(code)) for code in codes
            )
        return codes


class RecoveryCode(models.Model):
    device = models.ForeignKey(TotpDevice, models.CASCADE, related_name="recovery_codes")
    digest = models.CharField(max_length=64)

    class Meta:
        verbose_name = _("recovery code")
        verbose_name_plural = _("recovery codes")
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.device} {self.pk}"


def new_recovery_code() -> str:
    """Sixteen letters and digits in fours, without look-alikes: 79 bits."""
    fours = ["".join(secrets.choice(RECOVERY_ALPHABET) for _number in range(4)) for _four in "1234"]
    return "-".join(fours)


def digest_of(code: str) -> str:
    """Neither salted nor slow: nobody tries out 79 bits."""
    letters = "".join(letter for letter in code.lower() if letter.isalnum())
    return hashlib.sha256(letters.encode()).hexdigest()
