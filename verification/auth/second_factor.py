"""After the password: a code of the authenticator app, which is set up the first time."""

from __future__ import annotations

from typing import Any

import django_otp
import segno
from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext

from verification import change_log
from verification.auth import sessions, sign_ins
from verification.change_log import Action, actor_of
from verification.fields import UndecryptableSecret
from verification.models import TotpDevice
from verification.models.totp_device import CODE_PATTERN

UNREADABLE = _(
    "The key of your authenticator cannot be decrypted. Whoever runs this server must put the "
    "encryption key back, or run reset_totp."
)


class CodeInput(forms.PasswordInput):
    """Shown while it is typed, never sent back: a mistyped recovery code is nearly a right one."""

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
        code = "".join(self.cleaned_data["code"].split()).lower()
        is_allowed, why = self.device.verify_is_allowed()
        if not is_allowed:
            seconds = round((why["locked_until"] - timezone.now()).total_seconds()) + 1
            wait = _("Too many wrong codes. Wait %(seconds)d seconds, then enter a new one.")
            raise ValidationError(wait, params={"seconds": seconds})
        if not self._is_right(code):
            raise ValidationError(
                _(
                    "This code is not right, or was used already. Enter the app’s next one, or "
                    "another recovery code."
                )
            )
        return code

    def _is_right(self, code: str) -> bool:
        """Looked up again under a lock, so that a code passes once."""
        try:
            device = django_otp.verify_token(self.device.user, self.device.persistent_id, code)
        except UndecryptableSecret as error:
            raise ValidationError(UNREADABLE) from error
        return device is not None


def is_required(request: HttpRequest) -> bool:
    """Whether this person has given the password, and has to give a code, too."""
    return sign_ins.takes_a_code(request.user) and getattr(request.user, "otp_device", None) is None


def second_factor(site: admin.AdminSite, request: HttpRequest) -> HttpResponse:
    if not is_required(request):
        return redirect(way_on(request))
    assert request.user.is_authenticated
    device = TotpDevice.of(request.user, since=sessions.started_at(request))
    form = CodeForm(request.POST if request.method == "POST" else None, device=device)
    if form.is_valid():
        return accept(site, request, device, form.cleaned_data["code"])
    if form.is_bound:
        change_log.record(Action.SECOND_FACTOR_REFUSED, actor_of(request))
    if device.confirmed:
        context = {"title": _("Second factor"), "form": form}
        return show(site, request, "second_factor.html", context)
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
    return show(site, request, "set_up_second_factor.html", context)


def accept(
    site: admin.AdminSite, request: HttpRequest, device: TotpDevice, code: str
) -> HttpResponse:
    """Let this session in. The first time, recovery codes are on this answer, and only there."""
    codes = device.confirm()
    request.session.cycle_key()
    django_otp.login(request, device)
    if codes:
        change_log.record(Action.SECOND_FACTOR_SET_UP, actor_of(request))
    elif not CODE_PATTERN.fullmatch(code):
        count_recovery_codes(request, device)
    change_log.record(Action.SIGNED_IN, actor_of(request))
    if not codes:
        return redirect(way_on(request))
    context = {"title": _("Recovery codes"), "codes": codes}
    return show(site, request, "recovery_codes.html", context)


def count_recovery_codes(request: HttpRequest, device: TotpDevice) -> None:
    """Say how many are left: with the last one, only the person who runs this can help."""
    left = device.recovery_codes.count()
    change_log.record(Action.RECOVERY_CODE_USED, actor_of(request), left=left)
    message = ngettext(
        "%(left)d recovery code is left. Whoever runs this server can reset your second factor "
        "with reset_totp; then you set it up again, with new codes.",
        "%(left)d recovery codes are left. Whoever runs this server can reset your second factor "
        "with reset_totp; then you set it up again, with new codes.",
        left,
    )
    messages.warning(request, message % {"left": left})


def show(
    site: admin.AdminSite, request: HttpRequest, template: str, context: dict[str, Any]
) -> HttpResponse:
    page = {**site.each_context(request), "next": way_on(request), **context}
    return render(request, f"admin/{template}", page)


def way_on(request: HttpRequest) -> str:
    """The page this person was on the way to, if it is one of ours."""
    url = request.POST.get("next", request.GET.get("next", ""))
    is_ours = url_has_allowed_host_and_scheme(
        url, {request.get_host()}, require_https=request.is_secure()
    )
    return url if is_ours else reverse("admin:index")


def qr_code(text: str) -> dict[str, Any]:
    """Its width in modules, and the path of the dark ones, for an SVG that needs no style."""
    rows = list(segno.make_qr(text, error="m").matrix_iter(border=4))
    dark = [(x, y) for y, row in enumerate(rows) for x, is_dark in enumerate(row) if is_dark]
    return {"size": len(rows), "path": "".join(f"M{x} {y}h1v1h-1z" for x, y in dark)}
