"""EncodingAESKeys: the keys with which WeChat encrypts an account's messages."""

from __future__ import annotations

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from verification.fields import EncryptedTextField
from verification.models.account import OfficialAccount
from verification.models.rotating_secret import RotatingSecret, RotatingSecretQuerySet


class AESKey(RotatingSecret):
    """An EncodingAESKey. It is used for the first time when it decrypts a push of WeChat's.

    Until then it may be mistyped, so no push is refused because of it. It has the permissions of
    tokens.
    """

    id = models.AutoField(primary_key=True)
    account = models.ForeignKey(
        OfficialAccount, models.CASCADE, related_name="aes_keys", verbose_name=_("account")
    )
    secret = EncryptedTextField("EncodingAESKey", null=True, editable=False)
    #: When a push of WeChat's first arrived that it did not decrypt, before it was ever used.
    failed_at = models.DateTimeField(null=True, editable=False)

    objects: ClassVar[models.Manager[AESKey]] = RotatingSecretQuerySet.as_manager()

    class Meta(RotatingSecret.Meta):
        verbose_name = "EncodingAESKey"
        verbose_name_plural = "EncodingAESKeys"

    @property
    def is_optional(self) -> bool:
        """Return whether the account can be without a key; WeCom encrypts everything."""
        return not self.account.is_wecom
