"""Asks for an account: its platform first, then what that platform needs.

Without scripts, the form shows the fields of all platforms. admin.css hides those that the chosen
platform does not have, in browsers that know :has().
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from verification.accounts.aes_keys import generate_aes_key
from verification.admin.accounts.secret_forms import (
    ENTER,
    GENERATE,
    RotateAESKeyForm,
    SecretChoiceMixin,
    make_aes_key_field,
    make_aes_key_source_field,
    make_token_field,
    make_token_source_field,
)
from verification.models import OfficialAccount
from verification.models.account import PLATFORM_IS_FIXED, SLUG_IS_FIXED
from verification.protocol.enums import Platform

if TYPE_CHECKING:
    AccountModelForm = forms.ModelForm[OfficialAccount]
else:
    AccountModelForm = forms.ModelForm

FIELDS = ["platform", "name", "slug", "app_id", "suite_id", "answers_at_root"]


class AccountForm(AccountModelForm):
    """Names the AppID as the account's platform does, or as each does while it can be chosen."""

    class Meta:
        model = OfficialAccount
        fields = [*FIELDS, "original_id", "notes"]
        help_texts = {
            "answers_at_root": gettext_lazy(
                "For a console whose URL is the domain alone, without /wechat/ and the slug."
            ),
            "suite_id": gettext_lazy(
                "Only for a third-party app (第三方应用) of WeCom, from its page: begins with ww, "
                "wx, tj, or dk for a template (代开发)."
            ),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        is_chosen = "platform" in self.fields
        if is_chosen:
            # A form of the release before has no platform: the account is or stays what it is.
            self.fields["platform"].required = "platform" in self.data
        if "app_id" in self.fields:
            label, help_text = describe_app_id(self.instance, is_chosen=is_chosen)
            self.fields["app_id"].label, self.fields["app_id"].help_text = label, help_text

    def clean(self) -> dict[str, Any] | None:
        """Refuse a form from before the platform or the slug was fixed, if it changes them.

        The ids of another platform are wrong as well, and a slug would be ignored silently.
        """
        if self._changes_fixed("platform"):
            raise forms.ValidationError(PLATFORM_IS_FIXED)
        if self._changes_fixed("slug"):
            raise forms.ValidationError(SLUG_IS_FIXED.format(account=self.instance))
        cleaned: dict[str, Any] | None = super().clean()
        return cleaned

    def _changes_fixed(self, name: str) -> bool:
        """Return whether the form changes this field, which is fixed now."""
        own = str(getattr(self.instance, name))
        return name not in self.fields and self.data.get(name, own).strip() != own

    @property
    def is_wecom(self) -> bool:
        """Return whether the chosen platform is WeCom. The form must have been cleaned."""
        platform = self.cleaned_data.get("platform") or self.instance.platform
        return bool(platform == Platform.WECOM)


def describe_app_id(account: OfficialAccount, *, is_chosen: bool) -> tuple[str, str]:
    """Return the label and the help text of the id that encrypted messages end with.

    While the platform can be chosen, they are for all platforms, and say which is for which.
    """
    corp_id = _("CorpID (企业ID)")
    if account.suite_id:
        corp_id = _("Provider's CorpID (服务商企业ID)")
    of_wechat = _(
        "Optional. “wx” and 16 digits or letters a–f, not the original ID (gh_…). An "
        "EncodingAESKey needs it: encrypted messages end with it."
    )
    of_wecom = _(
        "At the end of 我的企业 → 企业信息: “ww” or “wx” and 16 digits or letters a–f. Of a "
        "third-party app (第三方应用), the provider's: 应用开发 → 通用开发参数."
    )
    if not is_chosen:
        return (corp_id, of_wecom) if account.is_wecom else ("AppID", of_wechat)
    html = (
        '<span class="of-wechat">{}</span><span class="of-wechat of-wecom"> / </span>'
        '<span class="of-wecom">{}</span>'
    )
    return format_html(html, "AppID", corp_id), format_html(html, of_wechat, of_wecom)


class AddAccountForm(SecretChoiceMixin, AccountForm):
    token_source = make_token_source_field()
    token = make_token_field()
    aes_key_source = make_aes_key_source_field(
        gettext_lazy("WeCom needs it: without it, this server cannot answer WeCom's check.")
    )
    aes_key = make_aes_key_field()

    class Meta(AccountForm.Meta):
        help_texts = {
            **AccountForm.Meta.help_texts,
            "platform": gettext_lazy("Whose console will hold the server URL."),
            "slug": gettext_lazy(
                "The last part of the server URL. The suggestion is random, so that it reveals "
                "nothing; you can change it until the URL has been called."
            ),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["aes_key_source"].required = False

    def clean(self) -> dict[str, Any] | None:
        cleaned = super().clean()
        if not self.is_wecom:
            self.errors.pop("aes_key", None)  # It is hidden, and not used.
            return cleaned
        is_missing = not self.cleaned_data.get("aes_key", "refused")
        if self.cleaned_data.get("aes_key_source") == ENTER and is_missing:
            self.add_error("aes_key", RotateAESKeyForm.missing)
        return cleaned

    def chosen_aes_key(self) -> str | None:
        """Return the EncodingAESKey that was entered, or a new one; None for other platforms."""
        if not self.is_wecom:
            return None
        if self.cleaned_data["aes_key_source"] in {"", GENERATE}:
            return generate_aes_key()
        return str(self.cleaned_data["aes_key"])
