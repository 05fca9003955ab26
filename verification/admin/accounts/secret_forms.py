"""Asks for a secret: a person lets one be generated, or enters the one that the console has."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, ClassVar

from django import forms
from django.contrib.admin.widgets import AdminRadioSelect, AdminTextInputWidget
from django.utils.translation import gettext_lazy as _

from verification.accounts.aes_keys import generate_aes_key, validate_aes_key
from verification.models.account import generate_secret, validate_secret
from verification.models.platform_ids import validate_app_id

GENERATE, ENTER = "generate", "enter"


class SourceField(forms.ChoiceField):
    def __init__(self, label: Any, generate: Any, enter: Any, help_text: Any) -> None:
        super().__init__(
            label=label,
            choices=[(GENERATE, generate), (ENTER, enter)],
            initial=GENERATE,
            widget=AdminRadioSelect(attrs={"class": "radiolist"}),
            help_text=help_text,
        )


class SecretInput(AdminTextInputWidget):
    """Never shows a typed secret again: only the page that reveals it may contain it."""

    def format_value(self, value: Any) -> None:
        return None


class SecretField(forms.CharField):
    """Keeps spaces around the secret, as consoles do, so that the validator refuses them."""

    def __init__(self, label: Any, validator: Callable[[str], None], help_text: Any) -> None:
        super().__init__(
            label=label,
            validators=[validator],
            required=False,
            strip=False,
            max_length=200,
            help_text=help_text,
            widget=SecretInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        )


def make_token_source_field() -> SourceField:
    return SourceField(
        _("Token"),
        _("Generate a token"),
        _("Enter the one that the console already has"),
        _("A generated token has 32 letters and digits, without look-alikes."),
    )


def make_token_field() -> SecretField:
    return SecretField(
        _("The token in the console"),
        validate_secret,
        _("3 to 32 letters and digits. Below 16 it can be guessed."),
    )


def make_aes_key_source_field(help_text: Any) -> SourceField:
    return SourceField(
        "EncodingAESKey",
        _("Generate an EncodingAESKey"),
        _("Enter the EncodingAESKey that the console already has"),
        help_text,
    )


def make_aes_key_field() -> SecretField:
    return SecretField(
        _("The EncodingAESKey in the console"),
        validate_aes_key,
        _("消息加解密密钥: 43 letters and digits."),
    )


class SecretChoiceMixin(forms.BaseForm):
    """Validates the two fields of a form in which a person chooses a secret."""

    source_field = "token_source"
    text_field = "token"
    missing: ClassVar[Any] = _("Enter the token, or let one be generated.")

    def generate(self) -> str:
        return generate_secret()

    def clean(self) -> dict[str, Any] | None:
        cleaned: dict[str, Any] | None = super().clean()
        is_missing = not self.cleaned_data.get(self.text_field, "missing")
        if self.cleaned_data.get(self.source_field) == ENTER and is_missing:
            self.add_error(self.text_field, self.missing)
        return cleaned

    def chosen_secret(self) -> str:
        """Return the secret that was entered, or a new one; each call generates another one."""
        if self.cleaned_data[self.source_field] == GENERATE:
            return self.generate()
        return str(self.cleaned_data[self.text_field])


FIXED_OVERLAPS = [
    ("0", _("not at all: it has leaked")),
    ("1", _("1 hour")),
    ("24", _("24 hours")),
    ("168", _("7 days")),
]


class OverlapField(forms.TypedChoiceField):
    """Asks how long the old secret stays valid. None means until the new one was used."""

    def __init__(self, label: Any, choices: Any) -> None:
        super().__init__(
            label=label,
            choices=choices,
            required=False,
            coerce=lambda hours: timedelta(hours=int(hours)),
            empty_value=None,
        )


class RotateForm(SecretChoiceMixin, forms.Form):
    """Rotates a secret. Subclasses have the fields of the new one."""

    #: The id of the secret that the page showed as the current one. In a second tab, it may have
    #: been rotated since.
    replaces = forms.IntegerField(widget=forms.HiddenInput)
    keep_old: OverlapField
    OVERLAPS: ClassVar[list[tuple[str, Any]]]


class RotateTokenForm(RotateForm):
    OVERLAPS = [("", _("until 24 h after first use of the new one")), *FIXED_OVERLAPS]

    token_source = make_token_source_field()
    token = make_token_field()
    keep_old = OverlapField(_("The old token stays valid"), OVERLAPS)


class RotateAESKeyForm(RotateForm):
    OVERLAPS = [("", _("until 24 h after first use of the new one")), *FIXED_OVERLAPS]
    source_field = "aes_key_source"
    text_field = "aes_key"
    missing = _("Enter the EncodingAESKey, or let one be generated.")

    aes_key_source = make_aes_key_source_field(
        _("If you generate one, paste it into the console afterwards.")
    )
    aes_key = make_aes_key_field()
    app_id = forms.CharField(
        label=_("AppID"),
        validators=[validate_app_id],
        widget=AdminTextInputWidget(attrs={"autocomplete": "off", "spellcheck": "false"}),
        help_text=_("开发者ID. Each encrypted message ends in it, and is compared with it."),
    )
    keep_old = OverlapField(_("The old key stays valid"), OVERLAPS)

    def generate(self) -> str:
        return generate_aes_key()
