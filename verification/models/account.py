"""A WeChat official account: whose callbacks we answer, and where."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Unpack

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from verification.models.change_event import ChangeEvent, Who
from verification.protocol.enums import Kind

if TYPE_CHECKING:
    from verification.models.token import Token

SLUG_PATTERN = r"\A[a-z0-9-]{1,40}\Z"
# Without look-alikes: people read slugs and tokens aloud, and type them.
LETTERS_AND_DIGITS = "abcdefghijkmnopqrstuvwxyz23456789"
#: Every signature at / is compared with the tokens of all accounts that answer there.
MOST_AT_ROOT = 50


def random_slug() -> str:
    """Chinese names have no slug of their own, and a random one gives no account away."""
    return "".join(secrets.choice(LETTERS_AND_DIGITS) for _ in range(8))


class OfficialAccount(models.Model):
    id = models.AutoField(primary_key=True)
    name = models.CharField(
        _("name"), max_length=100, help_text=_("As your colleagues call it; only shown here.")
    )
    slug = models.CharField(
        _("slug"),
        max_length=40,
        unique=True,
        default=random_slug,
        validators=[
            RegexValidator(
                SLUG_PATTERN, _("Use 1 to 40 lower-case letters a–z, digits and hyphens.")
            )
        ],
        help_text=_("The last part of the server URL. It cannot change once WeChat has used it."),
    )
    app_id = models.CharField(_("AppID"), max_length=40, blank=True)
    original_id = models.CharField(_("original ID"), max_length=40, blank=True)
    is_paused = models.BooleanField(_("paused"), default=False, editable=False)
    answers_at_root = models.BooleanField(
        _("answers at /"),
        default=True,
        help_text=_("Also answers at the bare server address, without /wechat/ and the slug."),
    )
    notes = models.TextField(_("notes"), blank=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    class Meta:
        verbose_name = _("official account")
        verbose_name_plural = _("official accounts")
        ordering = ["name", "id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(slug__regex=SLUG_PATTERN), name="official_account_slug_shape"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        others = OfficialAccount.objects.filter(answers_at_root=True).exclude(pk=self.pk)
        if self.answers_at_root and others.count() >= MOST_AT_ROOT:
            raise ValidationError(
                {
                    "answers_at_root": _(
                        "%(most)d accounts answer at / already. Clear this box; "
                        "the account answers at its own server URL all the same."
                    )
                    % {"most": MOST_AT_ROOT}
                }
            )

    @property
    def server_path(self) -> str:
        return f"/wechat/{self.slug}"

    @property
    def server_url(self) -> str:
        """What goes into the console; only the path while PUBLIC_URL is not set."""
        return f"{settings.PUBLIC_URL}{self.server_path}"

    @property
    def current_token(self) -> Token | None:
        return self.tokens.filter(superseded_at=None).first()

    def has_attempts(self) -> bool:
        """Whether anything is on record of it: then it cannot be deleted."""
        return self.tallies.exists()  # every attempt is in one

    def was_called(self) -> bool:
        """Whether WeChat, or anyone but ourselves, has called it: then its slug is fixed."""
        return self.tallies.exclude(kind=Kind.SELF_TEST).exists()

    def pause(self, **who: Unpack[Who]) -> None:
        self._set_paused(True, ChangeEvent.Action.ACCOUNT_PAUSED, who)

    def resume(self, **who: Unpack[Who]) -> None:
        self._set_paused(False, ChangeEvent.Action.ACCOUNT_RESUMED, who)

    def _set_paused(self, is_paused: bool, action: str, who: Who) -> None:
        """Nothing, and no event, when somebody else has done it meanwhile."""
        changing = OfficialAccount.objects.filter(pk=self.pk, is_paused=not is_paused)
        with transaction.atomic():
            if changing.update(is_paused=is_paused, updated_at=timezone.now()):
                ChangeEvent.objects.create(action=action, account=self, **who)
        self.refresh_from_db(fields=["is_paused", "updated_at"])
