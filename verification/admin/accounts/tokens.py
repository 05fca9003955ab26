"""Reveals, rotates and retires tokens."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpRequest
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from verification.accounts.tokens import other_accounts_with, rotate_token
from verification.admin.accounts.secret_forms import RotateForm, RotateTokenForm
from verification.admin.accounts.secrets import SecretPages
from verification.change_log import Actor
from verification.keys import MISSING_KEY_ADVICE
from verification.models import OfficialAccount, Token
from verification.models.account import MIN_SAFE_LENGTH
from verification.models.rotating_secret import RotatingSecret


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
        "unused": _("Not used by {caller} yet"),
        "ends_after_use": _("24 hours after {caller} first uses the new token"),
        "create": _("Create token…"),
        "rotate": _("Rotate token…"),
        "retire": _("Retire old token now…"),
        "retire_current": "",
        "kept": _("The old token is valid 24 h longer."),
        "retired_now": _("The old token is retired."),
        "created": _("The account has a token now."),
        "rotated": _(
            "The token is rotated. Paste the new one into the console and press {button}."
        ),
        "seen": _("The change log records that you have seen the token."),
        # The page that rotates it
        "create_title": _("Create a token for %(account)s"),
        "rotate_title": _("Rotate the token of %(account)s"),
        "create_button": _("Create token"),
        "rotate_button": _("Rotate token"),
        "afterwards": _(
            "Afterwards, paste the new token into the console and press {button}. {caller} uses "
            "the old one until you do."
        ),
        "create_afterwards": _("Afterwards, paste the token into the console and press {button}."),
        # The page that retires it
        "retire_title": _("Retire the old token of %(account)s"),
        "retire_page": _("Retire old token"),
        "retire_button": _("Retire old token now"),
        "retire_question": _(
            "From then on, every request signed with the old token %(fingerprint)s is refused."
        ),
        "retire_is_safe": _(
            "{caller} has used the new token already, so {people} will notice nothing."
        ),
        "retire_is_unsafe": _(
            "{caller} has not used the new token yet. If it still signs with the old one, its "
            "calls fail at once, and {people} get no reply. Paste the new token into the console "
            "first, unless the old one has leaked."
        ),
    }

    def change(self, account: OfficialAccount, text: str, actor: Actor, form: RotateForm) -> Token:
        choice = {name: form.cleaned_data[name] for name in ("keep_old", "replaces")}
        return rotate_token(account, text, actor, **choice)

    def warn(self, request: HttpRequest, account: OfficialAccount, made: RotatingSecret) -> None:
        """Add a message if the token is short, and one for each other account that has it."""
        assert made.secret is not None
        text = made.secret.reveal()
        if len(text) < MIN_SAFE_LENGTH:
            message = _("A token of %(length)d characters can be guessed; use 16 or more.")
            messages.warning(request, message % {"length": len(text)})
        for other in other_accounts_with(text, account):
            message = _("“%(other)s” has the same token. Give each account its own token.")
            messages.warning(request, message % {"other": other})


TOKENS = TokenPages()
