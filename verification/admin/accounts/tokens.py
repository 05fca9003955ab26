"""The pages that reveal, rotate and retire tokens."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpRequest
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from verification.accounts.rotation import current_secret
from verification.accounts.tokens import other_accounts_with, rotate_token
from verification.admin.accounts.pages import server_url
from verification.admin.accounts.secret_forms import RotateForm, RotateTokenForm
from verification.admin.accounts.secrets import SecretPages
from verification.change_log import Actor
from verification.keys import MISSING_KEY_ADVICE
from verification.models import OfficialAccount, Token
from verification.models.account import MIN_SAFE_LENGTH


class TokenPages(SecretPages):
    model = Token
    form_class = RotateTokenForm
    name = "token"
    url_prefix = ""
    url_of_one = "tokens/"
    lost_key = format_lazy(_("The token cannot be decrypted. {advice}"), advice=MISSING_KEY_ADVICE)
    texts = {
        "card": _("Tokens"),
        "none": _("No token"),
        "current": _("Current token"),
        "previous": _("Previous token"),
        "retired": _("Retired token"),
        "unused": _("Not used by WeChat yet"),
        "ends_after_use": _("24 hours after WeChat first uses the new token"),
        "create": _("Rotate token…"),
        "rotate": _("Rotate token…"),
        "retire": _("Retire old token now…"),
        "retire_current": "",
        "kept": _("The old token is valid 24 h longer."),
        "retired_now": _("The old token is retired."),
        # The page that shows it
        "title": _("Token of %(account)s"),
        "label": _("Token"),
        "paste": _(
            "Paste both into the server configuration of WeChat's console and press Submit (提交)."
        ),
        "seen": _("The change log records that you have seen the token."),
        "only_here": _(
            "When you leave this page, the token is hidden again. Users who may reveal it can see "
            "it from the account page."
        ),
        "overlap": _("The old token stays valid"),
        # The page that rotates it
        "create_title": _("Rotate the token of %(account)s"),
        "rotate_title": _("Rotate the token of %(account)s"),
        "create_button": _("Rotate token"),
        "rotate_button": _("Rotate token"),
        "afterwards": _(
            "Afterwards, paste the new token into WeChat's console. WeChat uses the old one until "
            "you do."
        ),
        # The page that retires it
        "retire_title": _("Retire the old token of %(account)s"),
        "retire_page": _("Retire old token"),
        "retire_button": _("Retire old token now"),
        "retire_question": _(
            "From then on, every request signed with the old token %(fingerprint)s is refused."
        ),
        "retire_is_safe": _(
            "WeChat has used the new token already, so followers will notice nothing."
        ),
        "retire_is_unsafe": _(
            "WeChat has not used the new token yet. If it still signs with the old one, its calls "
            "fail at once and followers see that the service is out of order. Paste the new token "
            "into the console first, unless the old one has leaked."
        ),
    }

    def change(self, account: OfficialAccount, text: str, actor: Actor, form: RotateForm) -> Token:
        choice = {name: form.cleaned_data[name] for name in ("keep_old", "replaces")}
        return rotate_token(account, text, actor, **choice)

    def warn(self, request: HttpRequest, account: OfficialAccount, text: str) -> None:
        """Add a message if the token is short, and one for each other account that has it."""
        if len(text) < MIN_SAFE_LENGTH:
            message = _("A token of %(length)d characters can be guessed; use 16 or more.")
            messages.warning(request, message % {"length": len(text)})
        for other in other_accounts_with(text, account):
            message = _("“%(other)s” has the same token. Give each account its own token.")
            messages.warning(request, message % {"other": other})

    def values(self, request: HttpRequest, account: OfficialAccount) -> list[dict[str, Any]]:
        url = server_url(request, account)
        return [{"id": "server-url", "label": _("Server URL"), "text": url}]


TOKENS = TokenPages()


def read_current_token(account: OfficialAccount) -> str:
    """Return the token that this request has just given the account."""
    token = current_secret(Token, account)
    assert token is not None  # a constraint of the database
    assert token.secret is not None
    return token.secret.reveal()
