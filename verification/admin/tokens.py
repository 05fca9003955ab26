from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin import helpers
from django.contrib.admin.widgets import AdminTextInputWidget
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from verification.admin.moments import moment_column, zoned
from verification.fields import UndecryptableSecret
from verification.models import OfficialAccount, Token
from verification.models.token import SHORT, generate_secret, rotate_token, validate_secret

if TYPE_CHECKING:
    TokenTabularInline = admin.TabularInline[Token, OfficialAccount]
else:
    TokenTabularInline = admin.TabularInline


LOST_KEY = _("The current token cannot be decrypted: put its key back into TOKEN_ENCRYPTION_KEYS.")


class TokenField(forms.CharField):
    """A token WeChat already has; left empty, one is generated. Not stripped: WeChat does not."""

    default_validators = [validate_secret]

    def __init__(self, **options: Any) -> None:
        super().__init__(
            label=_("Token"),
            required=False,
            strip=False,
            max_length=200,
            help_text=_(
                "Leave it empty to generate one of 32 characters, or enter the one WeChat already "
                "has: 3 to 32 letters and digits. Below 16 it can be guessed."
            ),
            widget=AdminTextInputWidget(attrs={"autocomplete": "off", "spellcheck": "false"}),
            **options,
        )


class RotateForm(forms.Form):
    OVERLAPS = [
        ("", _("until WeChat has used the new one, and 24 hours more")),
        ("0", _("not at all: it has leaked")),
        ("1", _("1 hour")),
        ("24", _("24 hours")),
        ("168", _("7 days")),
    ]

    token = TokenField()
    keep_old = forms.TypedChoiceField(
        label=_("The old token stays valid"),
        choices=OVERLAPS,
        required=False,
        coerce=lambda hours: timedelta(hours=int(hours)),
        empty_value=None,
    )

    def old_token_stays(self) -> Any:
        return dict(self.OVERLAPS)[self.data.get("keep_old", "")]


class TokenInline(TokenTabularInline):
    """What is known of each token, without the token."""

    model = Token
    extra = 0
    can_delete = False
    fields = readonly_fields = (
        *("fingerprint", "state", "since", "created_by", "first_used", "valid_until"),
    )

    since = moment_column("created_at", _("since"))
    first_used = moment_column("first_used_at", _("first used"))

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("verification.view_officialaccount")

    @admin.display(description=_("state"))
    def state(self, token: Token) -> Any:
        if token.is_current:
            return _("Current token")
        return _("Previous token") if token.is_live_at(timezone.now()) else _("Retired token")

    @admin.display(description=_("valid until"))
    def valid_until(self, token: Token) -> Any:
        if token.expires_at is not None:
            return zoned(token.expires_at)
        return "–" if token.is_current else _("WeChat has used the new one, and 24 hours more")


def reveal(site: admin.AdminSite, request: HttpRequest, account_id: int) -> HttpResponse:
    """Show the current token to a person who may see it; a POST, and a change event."""
    if not request.user.has_perm("verification.reveal_token"):
        raise PermissionDenied
    if request.method != "POST":
        return HttpResponseNotAllowed(["POST"])
    account = get_object_or_404(OfficialAccount, pk=account_id)
    token = get_object_or_404(Token, account=account, superseded_at=None)
    try:
        text = token.reveal(actor=request.user.get_username())
    except UndecryptableSecret:
        messages.error(request, LOST_KEY)
        return redirect("admin:verification_officialaccount_change", account_id)
    return show(site, request, account, text)


def rotate(site: admin.AdminSite, request: HttpRequest, account_id: int) -> HttpResponse:
    """Ask how, then rotate and show the new token on the answer itself, never by redirect."""
    if not request.user.has_perm("verification.rotate_token"):
        raise PermissionDenied
    account = get_object_or_404(OfficialAccount, pk=account_id)
    form = RotateForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        text = form.cleaned_data["token"] or generate_secret()
        keep_old = form.cleaned_data["keep_old"]
        try:
            rotate_token(account, text, actor=request.user.get_username(), keep_old=keep_old)
        except ValidationError as error:
            form.add_error("token", error)
        except UndecryptableSecret:
            form.add_error(None, LOST_KEY)
        else:
            warn_if_short(request, text)
            return show(site, request, account, text, form.old_token_stays())
    title = _("Rotate the token of %(account)s") % {"account": account}
    # Drawn as the admin draws its own forms; any form will do for that.
    fieldsets = helpers.AdminForm(form, [(None, {"fields": [*form.fields]})], {})  # type: ignore[arg-type]
    context = {"title": title, "form": form, "fieldsets": fieldsets}
    return render_page(request, site, "rotate_token.html", account, context)


def show(
    site: admin.AdminSite,
    request: HttpRequest,
    account: OfficialAccount,
    text: str,
    old_token_stays: Any = "",
) -> HttpResponse:
    title = _("Token of %(account)s") % {"account": account}
    context = {"title": title, "token_text": text, "old_token_stays": old_token_stays}
    return render_page(request, site, "show_token.html", account, context)


def render_page(
    request: HttpRequest,
    site: admin.AdminSite,
    template: str,
    account: OfficialAccount,
    context: dict[str, Any],
) -> HttpResponse:
    page = {**site.each_context(request), "account": account, "opts": account._meta, **context}
    return render(request, f"admin/verification/officialaccount/{template}", page)


def warn_if_short(request: HttpRequest, text: str) -> None:
    if len(text) < SHORT:
        message = _("A token of %(length)d characters can be guessed; use 16 or more.")
        messages.warning(request, message % {"length": len(text)})
