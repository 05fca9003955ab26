"""Pages that reveal, rotate and retire tokens.

A token is shown only in the answer to the POST of a user who may see it, never by a redirect.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin import helpers
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from verification.accounts.tokens import (
    NO_TOKEN,
    RotatedMeanwhile,
    keep_token_longer,
    other_accounts_with,
    retire_token,
    reveal_token,
    rotate_token,
)
from verification.admin.accounts.pages import render_page, server_url
from verification.admin.accounts.token_forms import GENERATE, RotateForm
from verification.admin.base import MINUTE, account_url, require
from verification.change_log import actor_of
from verification.fields import UndecryptableSecret
from verification.keys import MISSING_KEY_ADVICE
from verification.models import OfficialAccount, Token
from verification.models.account import MIN_SAFE_LENGTH
from verification.times import format_datetime

LOST_KEY = format_lazy(_("The token cannot be decrypted. {advice}"), advice=MISSING_KEY_ADVICE)


@dataclass(frozen=True)
class TokenRow:
    """Describes a token on the account page, without the token itself."""

    token: Token
    state: Any
    since: str
    first_used: Any
    valid_until: Any
    is_previous: bool
    is_retired: bool
    can_be_kept: bool


def read_rows(account: OfficialAccount) -> list[TokenRow]:
    return [describe_token(token) for token in account.tokens.all()]


def describe_token(token: Token) -> TokenRow:
    is_live = token.is_live_at(timezone.now())
    is_previous = is_live and not token.is_current
    previous = _("Previous token") if is_live else _("Retired token")
    unused = _("Not used by WeChat yet") if is_live else "–"
    return TokenRow(
        token,
        _("Current token") if token.is_current else previous,
        format_datetime(token.created_at, MINUTE),
        format_datetime(token.first_used_at, MINUTE) if token.first_used_at else unused,
        valid_until(token),
        is_previous,
        not is_live,
        is_previous and token.expires_at is not None,
    )


def valid_until(token: Token) -> Any:
    if token.expires_at is not None:
        return format_datetime(token.expires_at, MINUTE)
    return "–" if token.is_current else _("24 hours after WeChat first uses the new token")


# --- Showing


def reveal(site: admin.AdminSite, request: HttpRequest, account_id: int) -> HttpResponse:
    """Show the current token, and record that in the change log.

    Only a POST reveals it. A GET, such as the one after a sign-in, redirects to the page with the
    button.
    """
    require(request, "reveal_token")
    if request.method != "POST":
        return redirect(account_url(account_id))
    account = get_object_or_404(OfficialAccount, pk=account_id)
    token = get_object_or_404(Token, account=account, superseded_at=None)
    try:
        text = reveal_token(token, actor_of(request))
    except UndecryptableSecret:
        messages.error(request, LOST_KEY)
        return redirect(account_url(account_id))
    return show(site, request, account, text, is_revealed=True)


def read_current_secret(account: OfficialAccount) -> str:
    """Return the token that this request has just given the account."""
    secret = Token.objects.values_list("secret", flat=True).get(account=account, superseded_at=None)
    assert secret is not None  # a constraint of the database
    return secret.reveal()


def show(
    site: admin.AdminSite, request: HttpRequest, account: OfficialAccount, text: str, **more: Any
) -> HttpResponse:
    context = {
        "title": _("Token of %(account)s") % {"account": account},
        "token_text": text,
        "server_url": server_url(request, account),
        "language_next": account_url(account.pk),
        **more,
    }
    return render_page(request, site, "show_token.html", account, context)


def warn(request: HttpRequest, account: OfficialAccount, text: str) -> None:
    """Add a message if the token is short, and one for each other account that has it."""
    if len(text) < MIN_SAFE_LENGTH:
        message = _("A token of %(length)d characters can be guessed; use 16 or more.")
        messages.warning(request, message % {"length": len(text)})
    for other in other_accounts_with(text, account):
        message = _("“%(other)s” has the same token. Give each account its own token.")
        messages.warning(request, message % {"other": other})


# --- Rotating


def rotate(site: admin.AdminSite, request: HttpRequest, account_id: int) -> HttpResponse:
    """Show the form; on a valid POST, rotate the token and show the new one."""
    require(request, "rotate_token")
    account = get_object_or_404(OfficialAccount, pk=account_id)
    current = account.current_token
    seen = {"replaces": current.pk if current else NO_TOKEN, "token_source": GENERATE}
    form = RotateForm(request.POST if request.method == "POST" else None, initial=seen)
    if form.is_valid() and (text := try_to_rotate(request, account, form)):
        warn(request, account, text)
        old_token_stays = form.old_token_stays() if current else ""
        return show(site, request, account, text, old_token_stays=old_token_stays)
    # AdminForm renders the form in the admin's own layout. It works with any form, although its
    # type names ModelForm alone.
    fields = ["token_source", "token", *(["keep_old"] if current else [])]
    fieldsets = helpers.AdminForm(form, [(None, {"fields": fields})], {})  # type: ignore[arg-type]
    title = _("Rotate the token of %(account)s") % {"account": account}
    context = {"title": title, "form": form, "fieldsets": fieldsets, "current": current}
    return render_page(request, site, "rotate_token.html", account, context)


def try_to_rotate(request: HttpRequest, account: OfficialAccount, form: RotateForm) -> str:
    """Rotate and return the new token; on failure, add the error to the form and return ""."""
    text = form.chosen_secret()
    choice = {name: form.cleaned_data[name] for name in ("keep_old", "replaces")}
    try:
        rotate_token(account, text, actor_of(request), **choice)
    except RotatedMeanwhile:
        form.add_error(None, _rotated_meanwhile(account))
    except ValidationError as error:
        form.add_error("token", error)
    except UndecryptableSecret:
        form.add_error(None, LOST_KEY)
    else:
        return text
    return ""


def _rotated_meanwhile(account: OfficialAccount) -> Any:
    current = account.current_token
    if current is None:
        return _("The token was rotated in the meantime.")
    return _(
        "Nothing was changed: %(actor)s has already rotated this token, at %(time)s. "
        "Reopen this page to rotate the new token."
    ) % {"actor": current.created_by, "time": format_datetime(current.created_at)}


# --- Ending the old token


def keep(site: admin.AdminSite, request: HttpRequest, account_id: int, token_id: int) -> Any:
    require(request, "rotate_token")
    if request.method != "POST":
        return redirect(account_url(account_id))
    token = get_object_or_404(Token, pk=token_id, account=account_id)
    return _set_end(request, token, keep_token_longer, _("The old token is valid 24 h longer."))


def retire(site: admin.AdminSite, request: HttpRequest, account_id: int, token_id: int) -> Any:
    """Ask for confirmation, then refuse everything that is signed with the old token."""
    require(request, "rotate_token")
    token = get_object_or_404(Token, pk=token_id, account=account_id)
    if request.method == "POST":
        return _set_end(request, token, retire_token, _("The old token is retired."))
    context = {
        "title": _("Retire the old token of %(account)s") % {"account": token.account},
        "token": token,
        "current": token.account.current_token,
    }
    return render_page(request, site, "retire_token.html", token.account, context)


def _set_end(request: HttpRequest, token: Token, change: Any, success: Any) -> HttpResponse:
    try:
        change(token, actor_of(request))
    except ValidationError as error:
        messages.error(request, error.messages[0])
    else:
        messages.success(request, success)
    return redirect(account_url(token.account_id))
