"""Accounts of each platform, whose callbacks this server answers, and their tokens."""

from __future__ import annotations

import re
import secrets
import unicodedata
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import connection, models
from django.utils.translation import gettext_lazy as _

from verification.fields import EncryptedTextField
from verification.models.choices import CALLERS, ID_NAMES, PEOPLE, PLATFORM_CHOICES, SUBMIT_BUTTONS
from verification.models.platform_ids import validate_app_id, validate_suite_id
from verification.models.rotating_secret import RotatingSecret, RotatingSecretQuerySet
from verification.protocol.enums import Kind, Outcome, Platform

SLUG_PATTERN = r"\A[a-z0-9-]{1,40}\Z"
# Without characters that look alike: people read slugs aloud and type them.
LETTERS_AND_DIGITS = "abcdefghijkmnopqrstuvwxyz23456789"
#: Every signature received at / is compared with the tokens of all accounts that answer there.
MAX_ACCOUNTS_AT_ROOT = 50

# WeChat's console says: "Token必须为英文或数字，长度为3-32字符".
SECRET_PATTERN = re.compile(r"[A-Za-z0-9]{3,32}")
#: A shorter token is accepted with a warning, because it can be guessed.
MIN_SAFE_LENGTH = 16
ALPHABET = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"


def random_slug() -> str:
    """Return a slug of eight random letters and digits.

    A Chinese name cannot be turned into a slug, and a random slug does not reveal whose it is.
    """
    return "".join(secrets.choice(LETTERS_AND_DIGITS) for _ in range(8))


#: Characters that would reorder the text around a name. Names in Arabic or Hebrew need none.
REORDERING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
#: Categories of characters that end a line or control a terminal.
CONTROLS = {"Cc", "Zl", "Zp"}


PLATFORM_IS_FIXED = _(
    "The platform cannot change, because it has called successfully. Add another account instead."
)
SLUG_IS_FIXED = _("The slug cannot change: the server URL of {account} has been called.")


@contextmanager
def errors_of(field: str) -> Iterator[None]:
    """Turn a ValidationError into one of this field."""
    try:
        yield
    except ValidationError as error:
        raise ValidationError({field: error}) from error


class OfficialAccount(models.Model):
    id = models.AutoField(primary_key=True)
    name = models.CharField(
        _("name"),
        max_length=100,
        help_text=_("The name that your colleagues use. Only shown in this admin."),
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
        help_text=_(
            "The last part of the server URL. It cannot change once the URL has been called."
        ),
    )
    # With a default of the database, because processes of the release before do not set it.
    platform = models.SmallIntegerField(
        _("platform"),
        choices=PLATFORM_CHOICES,
        default=Platform.OFFICIAL_ACCOUNT.value,
        db_default=Platform.OFFICIAL_ACCOUNT.value,
        help_text=_("It cannot change once the platform has called successfully."),
    )
    #: Of a WeCom app: the CorpID.
    app_id = models.CharField(_("AppID"), max_length=40, blank=True)
    suite_id = models.CharField(
        "SuiteID",
        max_length=40,
        blank=True,
        default="",
        db_default="",
        help_text=_("Only for a third-party app (第三方应用) of WeCom."),
    )
    original_id = models.CharField(_("original ID"), max_length=40, blank=True)
    is_paused = models.BooleanField(_("paused"), default=False, editable=False)
    answers_at_root = models.BooleanField(
        _("also accept calls at the bare domain"),
        default=True,
        help_text=_("WeChat may call the server without /wechat/ and the slug as well."),
    )
    notes = models.TextField(_("notes"), blank=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    updated_at = models.DateTimeField(_("changed"), auto_now=True)

    class Meta:
        verbose_name = _("account")
        verbose_name_plural = _("accounts")
        ordering = ["name", "id"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(slug__regex=SLUG_PATTERN), name="official_account_slug_shape"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        self._clean_ids()
        if any(letter in REORDERING for letter in self.name):
            sentence = _(
                "The name contains an invisible character that reorders text. Type the name "
                "instead of pasting it."
            )
            raise ValidationError({"name": sentence})
        if any(unicodedata.category(letter) in CONTROLS for letter in self.name):
            sentence = _(
                "The name contains a line break or another control character. Type the name "
                "instead of pasting it."
            )
            raise ValidationError({"name": sentence})
        if self.answers_at_root and is_root_full(besides=self.pk):
            raise ValidationError(
                {
                    "answers_at_root": _(
                        "%(limit)d accounts already accept calls at the bare domain, and no more "
                        "can. This account still answers at its own server URL."
                    )
                    % {"limit": MAX_ACCOUNTS_AT_ROOT}
                }
            )

    def _clean_ids(self) -> None:
        """Validate the platform and its ids, but not an AppID that is stored already.

        In releases before there were platforms, it could be any text.
        """
        stored = OfficialAccount.objects.filter(pk=self.pk).first()
        if stored is not None and stored.platform != self.platform and self.has_accepted():
            raise ValidationError({"platform": PLATFORM_IS_FIXED})
        before = (stored.platform, stored.app_id, stored.suite_id) if stored else None
        has_changed = before != (self.platform, self.app_id, self.suite_id)
        if has_changed and (self.app_id or self.is_wecom):
            with errors_of("app_id"):
                validate_app_id(self.app_id, self.platform, self.suite_id)
        if stored and not self.app_id and self.aes_keys.filter(superseded_at=None).exists():
            sentence = _("The EncodingAESKey needs it: each encrypted message ends with it.")
            raise ValidationError({"app_id": sentence})
        if self.suite_id and not self.is_wecom:
            raise ValidationError({"suite_id": _("Only a WeCom app has a SuiteID.")})
        if self.suite_id:
            with errors_of("suite_id"):
                validate_suite_id(self.suite_id)

    @property
    def is_wecom(self) -> bool:
        return self.platform == Platform.WECOM

    @property
    def caller(self) -> Any:
        """Who calls the server URL: WeChat or WeCom, in the language of the reader."""
        return CALLERS[self.platform]

    @property
    def people(self) -> Any:
        """Who writes to the account: followers, users or members."""
        return PEOPLE[self.platform]

    @property
    def submit_button(self) -> Any:
        """The button of the console after which its platform calls the server URL."""
        return SUBMIT_BUTTONS[self.platform]

    @property
    def id_name(self) -> Any:
        """What the account's platform calls `app_id`."""
        return ID_NAMES[self.platform]

    @property
    def receive_ids(self) -> list[str]:
        """Return the ids with which encrypted messages may end."""
        return [*filter(None, (self.app_id, self.suite_id))]

    @property
    def server_path(self) -> str:
        return f"/wechat/{self.slug}"

    @property
    def server_url(self) -> str:
        """The URL to enter in WeChat's console; only its path if PUBLIC_URL is not set."""
        return f"{settings.PUBLIC_URL}{self.server_path}"

    @property
    def current_token(self) -> Token | None:
        return current_token_of(self.tokens.filter(superseded_at=None))

    def has_attempts(self) -> bool:
        """Return whether callbacks of the account were recorded. If so, it cannot be deleted."""
        return self.tallies.exists()  # every attempt is counted in a tally

    def was_called(self) -> bool:
        """Return whether anyone has called the account, apart from self-tests.

        If so, its slug is fixed.
        """
        return self._real_tallies.exists()

    def has_accepted(self) -> bool:
        """Return whether a call was accepted, apart from self-tests. If so, its platform is fixed.

        A wrong platform refuses every call, so strangers cannot fix it.
        """
        return self._real_tallies.filter(outcome=Outcome.ACCEPTED).exists()

    @property
    def _real_tallies(self) -> models.QuerySet[Any]:
        return self.tallies.exclude(kind=Kind.SELF_TEST)


def is_root_full(besides: int | None = None) -> bool:
    """Return whether no account besides this one can start to answer at the bare domain.

    In a transaction, this locks the table, so that no two accounts take the last place at once.
    """
    if connection.vendor == "postgresql" and connection.in_atomic_block:
        with connection.cursor() as cursor:
            table = OfficialAccount._meta.db_table
            cursor.execute(f"LOCK TABLE {table} IN SHARE ROW EXCLUSIVE MODE")
    at_root = OfficialAccount.objects.filter(answers_at_root=True).exclude(pk=besides or 0)
    return at_root.count() >= MAX_ACCOUNTS_AT_ROOT


# --- Tokens


def generate_secret() -> str:
    """Return a random token of 32 characters, the most that WeChat accepts: 185 bits.

    It has letters and digits, without 0 O o 1 l I.
    """
    return "".join(secrets.choice(ALPHABET) for _ in range(32))


def validate_secret(text: str) -> None:
    """Raise ValidationError unless WeChat's console would accept the text as a token."""
    if any(letter.isspace() for letter in text):
        raise ValidationError(_("The token has a space or line break in it; remove it."))
    if not SECRET_PATTERN.fullmatch(text):
        raise ValidationError(_("A token has 3 to 32 letters and digits, nothing else."))


def current_token_of(tokens: Iterable[Token]) -> Token | None:
    """Return the current token among the tokens of one account, or None."""
    return next((token for token in tokens if token.is_current), None)


class Token(RotatingSecret):
    id = models.AutoField(primary_key=True)
    account = models.ForeignKey(
        OfficialAccount, models.CASCADE, related_name="tokens", verbose_name=_("account")
    )
    secret = EncryptedTextField(_("token"), null=True, editable=False)

    objects: ClassVar[models.Manager[Token]] = RotatingSecretQuerySet.as_manager()

    class Meta(RotatingSecret.Meta):
        verbose_name = _("token")
        verbose_name_plural = _("tokens")
        permissions = [
            ("reveal_token", "Can reveal a token"),
            ("rotate_token", "Can rotate a token"),
        ]
