"""Asks for a backend, and says what each choice means for those who write."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.admin.widgets import (
    AdminIntegerFieldWidget,
    AdminRadioSelect,
)
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from verification.accounts.backends import can_keep, missing_for_decryption
from verification.models import Backend, OfficialAccount
from verification.models.backend import DEFAULT_RETENTION, LONGEST_RETENTION, MAX_URL_LENGTH
from verification.protocol.console import MINI_PROGRAM_FAILURE_MESSAGE, SERVICE_FAILURE_MESSAGE
from verification.protocol.enums import Platform
from verification.relay.addresses import validate_backend_url

OnFailure = Backend.OnFailure
#: What people see if the server URL does not answer; nothing is known of WeCom.
FAILURE_MESSAGES = {
    Platform.OFFICIAL_ACCOUNT.value: SERVICE_FAILURE_MESSAGE,
    Platform.MINI_PROGRAM.value: MINI_PROGRAM_FAILURE_MESSAGE,
}


def explain_choice(choice: str, account: OfficialAccount, days: int | None = None) -> str:
    """Return what a choice means for those who write, and for what is stored.

    Without `days`, the text speaks of the days that the form asks for.
    """
    if choice == OnFailure.RESEND:
        text = _(
            "Nothing is stored here. {caller} sends the message again after 5 seconds, three times "
            "in all. If the backend fails each time, the message is lost, and {people} see "
            "“{sentence}”."
        )
        if account.is_wecom:
            text = _(
                "Nothing is stored here. {caller} sends the message again after 5 seconds, three "
                "times in all. If the backend fails each time, the message is lost, and {people} "
                "get no reply."
            )
        return text.format(
            caller=account.caller,
            people=account.people,
            sentence=FAILURE_MESSAGES.get(account.platform, ""),
        )
    time = _("the days that you enter below")
    if days:
        time = ngettext("{count} day", "{count} days", days).format(count=days)
    return _(
        "The person who wrote sees no error, and gets no late reply. The message is stored here, "
        "encrypted, until the backend takes it, at most for {time}. Messages are personal data: "
        "say in your privacy notice that they are stored."
    ).format(time=time)


def _label(choice: OnFailure, account: OfficialAccount) -> SafeString:
    note = ""
    if choice == OnFailure.RESEND:
        note = _("Choose this if your company must not store messages.")
    elif not can_keep():
        note = _("This needs PostgreSQL. This server uses SQLite.")
    return format_html(
        '<strong>{}</strong> <span class="choice-meaning">{}</span>'
        ' <span class="choice-meaning">{}</span>',
        choice.label,
        explain_choice(choice, account),
        note,
    )


class PolicySelect(AdminRadioSelect):
    """Disables the choice that this database cannot fulfil."""

    def create_option(self, name: str, value: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        option: dict[str, Any] = super().create_option(name, value, *args, **kwargs)
        if value == OnFailure.KEEP and not can_keep():
            option["attrs"]["disabled"] = True
        return option


class BackendForm(forms.Form):
    url = forms.CharField(
        label=gettext_lazy("Backend URL"),
        max_length=MAX_URL_LENGTH,
        validators=[validate_backend_url],  # so that all fields show their errors together
        # Not AdminURLFieldWidget, which links the address, even one that was refused.
        widget=forms.URLInput(
            attrs={"class": "vURLField", "autocomplete": "off", "spellcheck": "false"}
        ),
        help_text=gettext_lazy(
            "The address of your own system that answers messages, such as "
            "https://crm.example.cn/wechat. It gets each message exactly as WeChat sent it, unless "
            "you choose below that it gets messages decrypted."
        ),
    )
    #: Without a default: what followers see, and what is stored, is the company's decision.
    on_failure = forms.ChoiceField(
        label=gettext_lazy("When the backend fails"),
        widget=PolicySelect(attrs={"class": "radiolist"}),
        error_messages={"required": gettext_lazy("Choose what happens when the backend fails.")},
    )
    retention_days = forms.IntegerField(
        label=gettext_lazy("Days to keep messages in the spool"),
        initial=DEFAULT_RETENTION,
        min_value=1,
        max_value=LONGEST_RETENTION,
        widget=AdminIntegerFieldWidget,
        help_text=gettext_lazy(
            "Only for messages that are kept. After this time they are deleted."
        ),
    )

    forwards_decrypted = forms.BooleanField(
        label=gettext_lazy("Forward messages decrypted"),
        required=False,
        help_text=gettext_lazy(
            "This server decrypts messages and encrypts replies. The backend gets and sends plain "
            "XML or JSON, and needs no EncodingAESKey. It must trust this server, and check the "
            "webhook signature: the signature of the encrypted message does not reach it. Use a "
            "URL with https://, because nothing else protects the messages on their way."
        ),
    )

    def __init__(self, account: OfficialAccount, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        missing = missing_for_decryption(account)
        decrypted = self.fields["forwards_decrypted"]
        if missing and not self.initial.get("forwards_decrypted"):
            decrypted.disabled, decrypted.help_text = True, missing
        choices = self.fields["on_failure"]
        assert isinstance(choices, forms.ChoiceField)
        choices.choices = [(choice.value, _label(choice, account)) for choice in OnFailure]
