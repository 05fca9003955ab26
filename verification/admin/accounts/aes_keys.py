"""Shows the card of an account's EncodingAESKey, and reveals, rotates and retires it."""

from __future__ import annotations

from datetime import datetime
from functools import partial
from typing import Any

from django.db.models import Subquery
from django.http import HttpRequest
from django.utils.text import format_lazy
from django.utils.translation import gettext_lazy as _

from verification.accounts.aes_keys import needs_app_id, rotate_aes_key
from verification.accounts.facts import last_accepted
from verification.admin.accounts.secret_forms import (
    ENTER,
    GENERATE,
    RotateAESKeyForm,
    RotateForm,
)
from verification.admin.accounts.secrets import SecretPages
from verification.admin.base import MINUTE, may
from verification.attempts.index import AttemptIndex
from verification.change_log import Actor
from verification.keys import MISSING_KEY_ADVICE
from verification.models import AESKey, OfficialAccount, PendingReveal, VerificationAttempt
from verification.models.platform_ids import validate_app_id
from verification.models.rotating_secret import RotatingSecret
from verification.protocol.encryption import Problem
from verification.protocol.enums import Kind, Reason
from verification.times import format_datetime

SAME_EVERYWHERE = _(
    "The EncodingAESKey (消息加解密密钥) must be the same here, in the console and in a backend "
    "that decrypts messages itself."
)
#: The texts that are others for a WeCom app, which cannot be without a key.
WECOM_TEXTS = {
    "intro": _(
        "WeCom encrypts everything with it: without it, this server can neither answer WeCom's "
        "check nor accept a message."
    ),
    "created": _("The EncodingAESKey is saved. Paste it into WeCom's console and press {button}."),
    "rotated": _(
        "The EncodingAESKey is rotated. Paste the new one into WeCom's console and press {button}."
    ),
    "unused": _("Not used yet: it has not decrypted anything from WeCom"),
    "ends_after_use": _("24 hours after the new key has first decrypted something from WeCom"),
    "retire_question": _(
        "From then on, what is encrypted with the old key %(fingerprint)s is refused."
    ),
    "retire_is_unsafe": _(
        "WeCom has not used the new key yet. If it still encrypts with the old one, its calls fail "
        "at once, and {people} get no reply. Paste the new key into the console first, unless the "
        "old one has leaked."
    ),
}


class AESKeyPages(SecretPages):
    model = AESKey
    form_class = RotateAESKeyForm
    name = "aes_key"
    url_prefix = url_of_one = "aes-key/"
    lost_key = format_lazy(
        _("The EncodingAESKey cannot be decrypted. {advice}"), advice=MISSING_KEY_ADVICE
    )
    texts = {
        "card": "EncodingAESKey",
        "intro": _(
            "Optional. WeChat encrypts messages with it in the security mode (安全模式). With it, "
            "this server checks that a message is WeChat's own and for this account, and can send "
            "an encrypted test message. Without it, encrypted messages go to the backend as they "
            "are."
        ),
        "none": _("No EncodingAESKey"),
        "current": _("Current key"),
        "previous": _("Previous key"),
        "retired": _("Retired key"),
        "unused": _("Not used yet: it has not decrypted any message"),
        "ends_after_use": _("24 hours after the new key has first decrypted a message"),
        "create": _("Set key…"),
        "rotate": _("Rotate key…"),
        "reveal": _("Reveal key"),
        "retire": _("Retire old key now…"),
        "retire_current": _("Retire key…"),
        "retired_current": _("The EncodingAESKey is retired. Messages pass unread again."),
        "kept": _("The old key is valid 24 h longer."),
        "retired_now": _("The old key is retired."),
        "created": _("The EncodingAESKey is saved."),
        "rotated": _("The EncodingAESKey is rotated."),
        "seen": _("The change log records that you have seen the EncodingAESKey."),
        "paste": _(
            "It must be the same in the server configuration of the console. If you generated "
            "it here, or the backend decrypts messages, paste it there, too. When you leave or "
            "reload this page, it is hidden again."
        ),
        # The page that rotates it
        "create_title": _("Set the EncodingAESKey of %(account)s"),
        "rotate_title": _("Rotate the EncodingAESKey of %(account)s"),
        "create_button": _("Set key"),
        "rotate_button": _("Rotate key"),
        "afterwards": SAME_EVERYWHERE,
        "create_afterwards": SAME_EVERYWHERE,
        # The page that retires it
        "retire_title": _("Retire the old EncodingAESKey of %(account)s"),
        "retire_page": _("Retire old key"),
        "retire_button": _("Retire old key now"),
        "retire_question": _(
            "From then on, messages encrypted with the old key %(fingerprint)s are refused."
        ),
        "retire_current_title": _("Retire the EncodingAESKey of %(account)s"),
        "retire_current_page": _("Retire key"),
        "retire_current_button": _("Retire key now"),
        "retire_current_question": _(
            "From then on, this server decrypts no messages with the key %(fingerprint)s. "
            "Encrypted messages go to the backend as they are, and plain ones are accepted again."
        ),
        "retire_current_when": _(
            "Retire it after you have switched the console to the plain mode (明文模式). You can "
            "enter a key again at any time."
        ),
        "retire_is_safe": _(
            "{caller} has used the new key already, so {people} will notice nothing."
        ),
        "retire_is_unsafe": _(
            "{caller} has not used the new key yet. If it still encrypts with the old one, "
            "{people} may see that the service is out of order. Paste the new key into the console "
            "first, unless the old one has leaked."
        ),
    }
    wecom_texts = WECOM_TEXTS

    def change(self, account: OfficialAccount, text: str, actor: Actor, form: RotateForm) -> AESKey:
        choice = {name: form.cleaned_data[name] for name in ("keep_old", "replaces")}
        app_id = form.cleaned_data.get("app_id", "")
        return rotate_aes_key(account, text, actor, app_id=app_id, **choice)

    def adapt(self, form: RotateForm, account: OfficialAccount) -> None:
        if needs_app_id(account):
            form.initial["app_id"] = account.app_id
            field = form.fields["app_id"]
            field.label = account.id_name
            field.validators = [
                partial(validate_app_id, platform=account.platform, suite_id=account.suite_id)
            ]
            if account.is_wecom:
                field.help_text = _("企业ID. What WeCom encrypts ends with it.")
        else:
            del form.fields["app_id"]

    def first_choice(self, current: RotatingSecret | None) -> str:
        return GENERATE if current else ENTER

    def read_card(
        self, request: HttpRequest, account: OfficialAccount, pending: PendingReveal | None
    ) -> dict[str, Any]:
        card = super().read_card(request, account, pending)
        # The card that connects a WeCom app shows its key beside its token.
        card["secret"] = "" if account.is_wecom else self.read_shown(account, pending)
        current = next((row.secret for row in card["rows"] if row.secret.is_current), None)
        if current is not None:
            card["problem"] = find_problem(account, current)
            if may(request, "reveal_token") and not account.is_wecom:
                card["reveal_url"] = self.url("reveal", account.pk)
        return card


AES_KEYS = AESKeyPages()


def find_problem(account: OfficialAccount, current: AESKey) -> Any:
    """Return why messages are not decrypted with the current key, or an empty text."""
    if not current.is_decryptable:
        return AESKeyPages.lost_key
    refused, last_push = last_undecryptable(account), read_last_push(account)
    since = current.first_used_at or current.created_at
    if (
        refused is not None
        and refused.recorded_at > since
        and (last_push is None or last_push < refused.recorded_at)
    ):
        return describe_refused_message(account, refused)
    if account.is_wecom:
        return ""  # The state at the top of the page says it.
    if current.failed_at and not current.first_used_at:
        return _(
            "The encrypted message of %(time)s does not fit this key, or not the AppID "
            "(%(app_id)s). Compare both with the console. Until a message fits, encrypted messages "
            "are not checked with the key."
        ) % {"time": format_datetime(current.failed_at, MINUTE), "app_id": account.app_id}
    return ""


def describe_refused_message(account: OfficialAccount, refused: VerificationAttempt) -> Any:
    """Return why the message was refused if that has to do with its key or ID."""
    word = refused.detail.partition(" ")[0]
    texts = {
        "time": format_datetime(refused.recorded_at, MINUTE),
        "id_name": account.id_name,
        "own": " · ".join(account.receive_ids),
    }
    if word == Problem.RECEIVE_ID:
        return (
            _(
                "The last message, of %(time)s, was refused: the key fits, but the message is not "
                "for the %(id_name)s %(own)s. Compare that with the console."
            )
            % texts
        )
    if word not in list(Problem):
        return ""  # The state at the top of the page says it.
    return (
        _(
            "The last message, of %(time)s, was refused, because no key that is stored here "
            "decrypts it. If the console has another EncodingAESKey now, enter that one."
        )
        % texts
    )


def last_undecryptable(account: OfficialAccount) -> VerificationAttempt | None:
    """Return the last message of the account that was refused because it was not decrypted."""
    reasons = [Reason.UNDECRYPTABLE_MESSAGE]
    ids = AttemptIndex([account.pk], [Kind.MESSAGE_PUSH], reasons).newest(1)
    return VerificationAttempt.objects.filter(pk__in=ids).order_by("-id").first()


def read_last_push(account: OfficialAccount) -> datetime | None:
    accounts = OfficialAccount.objects.filter(pk=account.pk)
    return accounts.values_list(Subquery(last_accepted(Kind.MESSAGE_PUSH)), flat=True).first()
