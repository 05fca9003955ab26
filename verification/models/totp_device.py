"""The second factor of a user: an authenticator app, and recovery codes in case it is lost.

The devices of django-otp store seeds and recovery codes unencrypted, and its admin shows them.
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

CODE_PATTERN = re.compile(r"[0-9]{6}")
ISSUER = "wechat_gateway"
#: Steps of 30 seconds by which a clock may be wrong. `drift` follows a clock that drifts further.
TOLERANCE = 1
MAX_WAIT = timedelta(minutes=15)
RECOVERY_CODES = 10
RECOVERY_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


def new_seed() -> Secret:
    """Return a random seed of 160 bits, as RFC 4226 recommends."""
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
        """Return the user's device, and create it if there is none.

        An unconfirmed device that is older than `since`, the time of this sign-in, or whose seed
        no key decrypts, gets a new seed.
        """
        start = {"confirmed": False, "seed": new_seed()}
        device: TotpDevice = cls.objects.get_or_create(user=user, defaults=start)[0]
        if not device.confirmed and (device.created_at < since or not device.is_readable()):
            # Filtered by seed: of two tabs, the second keeps the seed that the first has shown.
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
        """Return the seed, in base32 for an authenticator app. Raises UndecryptableSecret."""
        assert self.seed is not None  # a constraint of the database
        return self.seed.reveal()

    def url(self) -> str:
        """Return the URL of the QR code.

        Its format: https://github.com/google/google-authenticator/wiki/Key-Uri-Format
        """
        host = settings.PUBLIC_URL.partition("://")[2]
        issuer = f"{ISSUER} {host}".strip().replace(":", " ")
        label = quote(f"{issuer}:{self.user.get_username()}")
        query = urlencode({"secret": self.seed_text(), "issuer": issuer}, quote_via=quote)
        return f"otpauth://totp/{label}?{query}"

    # --- Verifying; django_otp.verify_token calls this with the row locked

    def verify_token(self, token: str) -> bool:
        is_allowed, _details = self.verify_is_allowed()
        if not is_allowed:
            return False
        if self._accepts_code(token) or self._accepts_recovery_code(token):
            self.throttle_reset(commit=False)
            self.save()
            return True
        self.throttle_increment()
        return False

    def verify_is_allowed(self) -> tuple[bool, Any]:
        """Return what django-otp does, but never lock the user out for longer than MAX_WAIT.

        Otherwise somebody who guesses codes could lock a user out for days.
        """
        is_allowed, details = super().verify_is_allowed()
        if is_allowed:
            return True, None
        assert self.throttling_failure_timestamp is not None
        latest = self.throttling_failure_timestamp + MAX_WAIT
        details["locked_until"] = min(details["locked_until"], latest)
        return details["locked_until"] <= timezone.now(), details

    def get_throttle_factor(self) -> int:
        """Return the seconds to wait after the first wrong code. Each further one doubles them."""
        return 1

    def _accepts_code(self, token: str) -> bool:
        if not CODE_PATTERN.fullmatch(token):
            return False
        totp = TOTP(base64.b32decode(self.seed_text()), drift=self.drift)
        totp.time = timezone.now().timestamp()
        # A code is accepted once: the next one must belong to a later step.
        if not totp.verify(int(token), TOLERANCE, self.last_step + 1):
            return False
        self.last_step, self.drift = totp.t(), totp.drift
        return True

    def _accepts_recovery_code(self, token: str) -> bool:
        deleted, _by_model = self.recovery_codes.filter(digest=digest_of(token)).delete()
        return deleted > 0

    # --- Enrolling

    def confirm(self) -> list[str]:
        """Make the device the user's second factor, and return new recovery codes.

        Only the digests of the codes are stored. If the device was confirmed before, its codes have
        been shown already, and the list is empty.
        """
        with transaction.atomic():
            unconfirmed = TotpDevice.objects.filter(pk=self.pk, confirmed=False)
            if not unconfirmed.update(confirmed=True):
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
    """Return sixteen random characters in groups of four, without look-alikes: 79 bits."""
    letters = [secrets.choice(RECOVERY_ALPHABET) for _number in range(16)]
    return "-".join("".join(letters[start : start + 4]) for start in range(0, 16, 4))


def digest_of(code: str) -> str:
    """Return the digest of a recovery code, regardless of case and hyphens.

    It is neither salted nor slow, because 79 random bits cannot be guessed.
    """
    letters = "".join(letter for letter in code.lower() if letter.isalnum())
    return hashlib.sha256(letters.encode()).hexdigest()
