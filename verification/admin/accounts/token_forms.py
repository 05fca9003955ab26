"""The fields in which a person lets a token be generated, or enters the one WeChat has."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django import forms
from django.contrib.admin.widgets import AdminRadioSelect, AdminTextInputWidget
from django.utils.translation import gettext_lazy as _

from verification.models.account import generate_secret, validate_secret

GENERATE, ENTER = "generate", "enter"


class SourceField(forms.ChoiceField):
    def __init__(self, **options: Any) -> None:
        choices = [
            (GENERATE, _("Generate a token")),
            (ENTER, _("Enter the one WeChat already has")),
        ]
        super().__init__(
            label=_("Token"),
            choices=choices,
            initial=GENERATE,
            widget=AdminRadioSelect(attrs={"class": "radiolist"}),
            help_text=_("A generated token has 32 letters and digits, without look-alikes."),
            **options,
        )


class TokenInput(AdminTextInputWidget):
    """Never shows a typed token again: only the page that a user opens to see it may contain it."""

    def format_value(self, value: Any) -> None:
        return None


class TokenField(forms.CharField):
    """Keeps spaces around the token, as WeChat does, so that the validator refuses them."""

    default_validators = [validate_secret]

    def __init__(self, **options: Any) -> None:
        super().__init__(
            label=_("The token in WeChat"),
            required=False,
            strip=False,
            max_length=200,
            help_text=_("3 to 32 letters and digits. Below 16 it can be guessed."),
            widget=TokenInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
            **options,
        )


class ChoosesToken(forms.BaseForm):
    """Validates the fields `token_source` and `token` of a form that has both."""

    def clean(self) -> dict[str, Any] | None:
        cleaned: dict[str, Any] | None = super().clean()
        is_missing = not self.cleaned_data.get("token", "missing")
        if self.cleaned_data.get("token_source") == ENTER and is_missing:
            self.add_error("token", _("Enter the token, or let one be generated."))
        return cleaned

    def chosen_secret(self) -> str:
        """Return the token that was entered, or a new one; each call generates another one."""
        if self.cleaned_data["token_source"] == GENERATE:
            return generate_secret()
        return str(self.cleaned_data["token"])


class RotateForm(ChoosesToken, forms.Form):
    OVERLAPS = [
        ("", _("until 24 hours after WeChat first uses the new token")),
        ("0", _("not at all: it has leaked")),
        ("1", _("1 hour")),
        ("24", _("24 hours")),
        ("168", _("7 days")),
    ]

    #: The id of the token that the page showed as the current one. In a second tab, it may have
    #: been rotated since.
    replaces = forms.IntegerField(widget=forms.HiddenInput)
    token_source = SourceField()
    token = TokenField()
    keep_old = forms.TypedChoiceField(
        label=_("The old token stays valid"),
        choices=OVERLAPS,
        required=False,
        coerce=lambda hours: timedelta(hours=int(hours)),
        empty_value=None,
    )

    def old_token_stays(self) -> Any:
        """Return the label of the chosen overlap."""
        return dict(self.OVERLAPS)[self.data.get("keep_old", "")]
