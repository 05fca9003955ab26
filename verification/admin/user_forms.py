"""Asks for what a user needs: the name on signed papers, a password, groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib.auth.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import (
    MinimumLengthValidator,
    get_default_password_validators,
)
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from verification.auth.full_name import full_name_of

if TYPE_CHECKING:
    UserForm = forms.ModelForm[User]
    AddForm = UserCreationForm[User]
    PasswordForm = AdminPasswordChangeForm[User]
    ChangeForm = UserChangeForm[User]
else:
    UserForm = forms.ModelForm
    AddForm = UserCreationForm
    PasswordForm = AdminPasswordChangeForm
    ChangeForm = UserChangeForm


def describe_password() -> str:
    """Say what a password must be like, to a person who sets it for somebody else.

    The texts of Django's validators speak of "your password".
    """
    validators = get_default_password_validators()
    [length] = [each.min_length for each in validators if isinstance(each, MinimumLengthValidator)]
    return _(
        "Use at least {length} characters, not only digits. Do not use a common password, or one "
        "similar to the user's name or email address."
    ).format(length=length)


class FullNameMixin(UserForm):
    """Asks for the full name in one field, as not every name has a first and a last part."""

    full_name = forms.CharField(
        label=gettext_lazy("Full name"),
        max_length=150,
        required=False,
        help_text=gettext_lazy("Shown on sign-offs."),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial.setdefault("full_name", full_name_of(self.instance))

    def save(self, commit: bool = True) -> User:
        full_name = self.cleaned_data.get("full_name")
        if full_name is not None and full_name != full_name_of(self.instance):
            self.instance.first_name, self.instance.last_name = full_name, ""
        return super().save(commit)


class NewUserForm(FullNameMixin, AddForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["password1"].help_text = describe_password()


class ChangedUserForm(FullNameMixin, ChangeForm):
    pass


class NewPasswordForm(PasswordForm):
    """Leaves out the choice to sign in without a password, as there is no other way to sign in."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields.pop("usable_password", None)
        self.fields["password1"].help_text = describe_password()
