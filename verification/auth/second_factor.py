"""Asks for the second step of the sign-in: a code of an authenticator app, set up first."""

from __future__ import annotations

import unicodedata
from typing import Any

import django_otp
import segno
from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import patch_cache_control
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from verification import change_log
from verification.auth import sessions, sign_ins
from verification.auth.failures import record_failure
from verification.change_log import Action, actor_of
from verification.fields import UndecryptableSecret
from verification.models import TotpDevice
from verification.models.totp_device import CODE_PATTERN
from verification.times import format_datetime

UNREADABLE = _(
    "Your authenticator cannot be checked, because TOKEN_ENCRYPTION_KEYS lacks the key that "
    "encrypted it. Enter a recovery code, or ask the administrator of this server to put that key "
    "back."
)


INCORRECT = _(
    "That code is incorrect, or was used already. Enter the app's next one, or another recovery "
    "code."
)
#: While the app is being set up, there are no recovery codes yet.
INCORRECT_AT_FIRST = _(
    "That code is incorrect. Enter the six digits that the app shows now. If they fail again, scan "
    "the QR code again, and let your phone set its clock automatically."
)


class CodeInput(forms.PasswordInput):
    """Shows the code while it is typed, and never sends it back to the browser.

    A mistyped recovery code is nearly a valid one, so it must not stay on a page.
    """

    input_type = "text"


class CodeForm(forms.Form):
    code = forms.CharField(
        label=_("Code"),
        max_length=40,
        widget=CodeInput(
            attrs={
                "autocomplete": "one-time-code",
                "autocapitalize": "none",
                "autofocus": True,
                "spellcheck": "false",
            }
        ),
    )

    def __init__(self, *args: Any, device: TotpDevice, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.device = device

    def clean_code(self) -> str:
        # A Chinese input method may type full-width digits.
        code = unicodedata.normalize("NFKC", self.cleaned_data["code"])
        code = "".join(code.split()).lower()
        is_allowed, lock = self.device.verify_is_allowed()
        if not is_allowed:
            seconds = round((lock["locked_until"] - timezone.now()).total_seconds()) + 1
            text = _("Too many wrong codes. Wait %(seconds)d seconds, then enter a new one.")
            raise ValidationError(text, params={"seconds": seconds})
        if not self._is_correct(code):
            raise ValidationError(INCORRECT if self.device.confirmed else INCORRECT_AT_FIRST)
        return code

    def _is_correct(self, code: str) -> bool:
        """Check the code under a lock of the device, so that each code is accepted only once."""
        try:
            device = django_otp.verify_token(self.device.user, self.device.persistent_id, code)
        except UndecryptableSecret as error:
            raise ValidationError(UNREADABLE) from error
        return device is not None


def is_required(request: HttpRequest) -> bool:
    """Return whether this person has entered the password and must still enter a code."""
    return (
        sign_ins.requires_code(request.user) and getattr(request.user, "otp_device", None) is None
    )


def second_factor(site: admin.AdminSite, request: HttpRequest) -> HttpResponse:
    """Ask for the code, or set up the authenticator of a person who has none."""
    if not is_required(request):
        return HttpResponseRedirect(next_url(request))
    assert request.user.is_authenticated
    device = TotpDevice.of(request.user, since=sessions.started_at(request))
    form = CodeForm(request.POST if request.method == "POST" else None, device=device)
    if form.is_valid():
        return accept(site, request, device, form.cleaned_data["code"])
    if form.is_bound:
        record_failure(Action.SECOND_FACTOR_REFUSED, actor_of(request))
    if device.confirmed:
        context = {"title": _("Second factor"), "form": form}
        return render_page(site, request, "second_factor.html", context)
    return enrol(site, request, device, form)


def enrol(
    site: admin.AdminSite, request: HttpRequest, device: TotpDevice, form: CodeForm
) -> HttpResponse:
    seed = device.seed_text()
    context = {
        "title": _("Set up the second factor"),
        "form": form,
        "url": device.url(),
        "seed": [seed[start : start + 4] for start in range(0, len(seed), 4)],
        "qr_code": qr_code(device.url()),
    }
    return render_page(site, request, "set_up_second_factor.html", context)


def accept(
    site: admin.AdminSite, request: HttpRequest, device: TotpDevice, code: str
) -> HttpResponse:
    """Complete the sign-in.

    The first time, the response shows the recovery codes. No other page ever shows them.
    """
    codes = device.confirm()
    request.session.cycle_key()
    django_otp.login(request, device)
    if codes:
        change_log.record(Action.SECOND_FACTOR_SET_UP, actor_of(request))
    elif not CODE_PATTERN.fullmatch(code):
        warn_of_remaining_codes(request, device)
    change_log.record(Action.SIGNED_IN, actor_of(request))
    if not codes:
        return HttpResponseRedirect(next_url(request))
    context = {
        "title": _("Recovery codes"),
        "codes": codes,
        "host": request.get_host(),
        "made_at": format_datetime(timezone.now(), "%Y-%m-%d %H:%M"),
    }
    return render_page(site, request, "recovery_codes.html", context)


def warn_of_remaining_codes(request: HttpRequest, device: TotpDevice) -> None:
    """Tell the person how many recovery codes are left.

    When no code is left, only the administrator of this server can reset the second factor.
    """
    left = device.recovery_codes.count()
    change_log.record(Action.RECOVERY_CODE_USED, actor_of(request), left=left)
    message = ngettext(
        "%(left)d recovery code is left. The administrator of this server can reset your second "
        "factor with reset_totp; you then set it up again, with new codes.",
        "%(left)d recovery codes are left. The administrator of this server can reset your second "
        "factor with reset_totp; you then set it up again, with new codes.",
        left,
    )
    messages.warning(request, message % {"left": left})


def render_page(
    site: admin.AdminSite, request: HttpRequest, template: str, context: dict[str, Any]
) -> HttpResponse:
    page = {**site.each_context(request), "next": next_url(request), **context}
    response = render(request, f"admin/{template}", page)
    # Not compressed, because pages hold the seed or the recovery codes.
    patch_cache_control(response, no_transform=True)
    return response


def next_url(request: HttpRequest) -> str:
    """Return the page that the person asked for, or the index if it is on another host."""
    url = request.POST.get("next", request.GET.get("next", ""))
    is_own_host = url_has_allowed_host_and_scheme(
        url, {request.get_host()}, require_https=request.is_secure()
    )
    return url if is_own_host else reverse("admin:index")


def qr_code(text: str) -> dict[str, Any]:
    """Return the QR code for an SVG: its width in modules, and the path of the dark modules.

    A path needs no inline style, which the Content-Security-Policy refuses.
    """
    rows = list(segno.make_qr(text, error="m").matrix_iter(border=4))
    dark = [(x, y) for y, row in enumerate(rows) for x, is_dark in enumerate(row) if is_dark]
    return {"size": len(rows), "path": "".join(f"M{x} {y}h1v1h-1z" for x, y in dark)}
