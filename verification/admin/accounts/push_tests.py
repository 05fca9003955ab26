"""Sends a test message to an account's server URL, and shows what came back."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import admin
from django.contrib.admin.widgets import AdminRadioSelect, AdminTextInputWidget
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext_lazy as _

from verification.accounts.encryption import read_encryption
from verification.accounts.push_report import refuses_plain, send_test_message
from verification.accounts.rotation import current_secret
from verification.admin.accounts.aes_keys import AES_KEYS
from verification.admin.accounts.pages import render_page
from verification.admin.accounts.self_tests import find_attempt, find_secret
from verification.admin.accounts.tokens import TOKENS
from verification.admin.base import lay_out, require
from verification.fields import UndecryptableSecret
from verification.models import AESKey, ChainHead, OfficialAccount
from verification.protocol.enums import Platform
from verification.self_test.checks import Result

PERMISSION = "send_test_message"


class MessageForm(forms.Form):
    text = forms.CharField(
        label=_("Text"),
        max_length=600,
        initial=_("This is a test message of the WeChat gateway."),
        widget=AdminTextInputWidget(attrs={"autocomplete": "off"}),
    )
    data_format = forms.ChoiceField(
        label=_("Data format"),
        choices=[("xml", "XML"), ("json", "JSON")],
        initial="xml",
        required=False,
        widget=AdminRadioSelect(attrs={"class": "radiolist"}),
        help_text=_("The one that the Mini Program's console has (数据格式)."),
    )
    encrypted = forms.BooleanField(
        label=_("Encrypted, as in the security mode (安全模式)"), required=False
    )


def send(site: admin.AdminSite, request: HttpRequest, account_id: int) -> HttpResponse:
    """Show the form; on a valid POST, send the message and show what came back.

    The URL comes from PUBLIC_URL and the account alone: a user cannot choose another target.
    """
    require(request, PERMISSION)
    account = get_object_or_404(OfficialAccount, pk=account_id)
    key = current_secret(AESKey, account)
    form = MessageForm(
        request.POST if request.method == "POST" else None,
        initial={"encrypted": refuses_plain(account)},
    )
    if key is None or account.is_wecom:  # which always encrypts
        del form.fields["encrypted"]
    if account.platform != Platform.MINI_PROGRAM:  # whose console alone offers JSON
        del form.fields["data_format"]
    if account.suite_id:  # which gets an event
        del form.fields["text"]
    obstacle = find_obstacle(account)
    outcome = {} if obstacle or not form.is_valid() else try_to_send(account, form)
    context = {
        "title": _("Send a test message to %(account)s") % {"account": account},
        "form": form,
        "fieldsets": lay_out(form, list(form.fields)),
        "obstacle": obstacle,
        "has_backend": hasattr(account, "backend"),
        **outcome,
    }
    return render_page(request, site, "push_test.html", account, context)


def find_obstacle(account: OfficialAccount) -> Any:
    """Return why no message can be sent, or an empty text."""
    if not settings.PUBLIC_URL:
        return _("PUBLIC_URL is not set, so this server does not know its own address.")
    if account.current_token is None:
        return _("The account has no token, with which the message is signed.")
    if account.is_wecom and current_secret(AESKey, account) is None:
        return _("The account has no EncodingAESKey, with which the message is encrypted.")
    return ""


def try_to_send(account: OfficialAccount, form: MessageForm) -> dict[str, Any]:
    """Send the message and return what came back; on failure, add the error to the form."""
    try:
        token = find_secret(account)
    except UndecryptableSecret:
        form.add_error(None, TOKENS.lost_key)
        return {}
    assert token is not None  # find_obstacle() has looked.
    encrypted = "encrypted" if "encrypted" in form.fields else None
    is_encrypted = account.is_wecom or form.cleaned_data.get("encrypted")
    try:
        encryption = read_encryption(account) if is_encrypted else None
    except UndecryptableSecret:
        form.add_error(encrypted, AES_KEYS.lost_key)
        return {}
    except ValidationError as error:
        form.add_error(encrypted, error)
        return {}
    last_id = ChainHead.objects.values_list("last_attempt_id", flat=True).first() or 0
    # No transaction may be open here: on SQLite it would keep the push from being recorded.
    try:
        probe, finding = send_test_message(
            account,
            account.server_url,
            token,
            form.cleaned_data.get("text", ""),
            encryption,
            is_json=form.cleaned_data.get("data_format") == "json",
        )
    except ValidationError as error:
        form.add_error("text" if "text" in form.fields else None, error)
        return {}
    return {
        "finding": finding,
        "result": Result.PASSED if finding.is_ok else Result.FAILED,
        "answer": probe.answer,
        "length": len(probe.answer.body) if probe.answer else None,
        "milliseconds": f"{probe.seconds * 1000:,.0f}",
        "attempt": find_attempt(probe, last_id),
    }
