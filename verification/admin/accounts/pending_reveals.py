"""Shows secrets once: on the account page, after the redirect from the form that made them.

The form stores a PendingReveal, and the redirect carries its nonce. The account page deletes the
row, and shows the secrets only if it was the one that deleted it. So exactly one answer shows it,
whatever other tabs do in the meantime.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from datetime import timedelta
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django.utils.translation import gettext_lazy as _

from verification.admin.base import account_url, may, redirect_to_account
from verification.models import PendingReveal
from verification.models.pending_reveal import SEPARATOR

#: The parameter of the account page that holds the nonce.
PARAMETER = "reveal"
#: A browser follows a redirect at once.
MAX_AGE = timedelta(minutes=1)
PASS_ON = _(
    "You may not open the account's page. Ask somebody who may to reveal the new value there, and "
    "to enter it where it is needed."
)


def redirect_to_secret(
    request: HttpRequest, account_id: int, secret_name: str, version: int | str
) -> HttpResponse:
    """Redirect to the account page, which shows this secret to this session once."""
    return redirect_to_secrets(request, account_id, {secret_name: version})


def redirect_to_secrets(
    request: HttpRequest, account_id: int, versions: Mapping[str, int | str]
) -> HttpResponse:
    """Redirect to the account page, which shows these secrets to this session once.

    A version tells the secret from later ones of the same name, which are not shown. A user who may
    not open the account page is shown nothing.
    """
    if not may(request, "view_officialaccount", "change_officialaccount"):
        messages.warning(request, PASS_ON)
        return redirect_to_account(request, account_id)
    nonce = secrets.token_urlsafe(16)
    now = timezone.now()
    PendingReveal.objects.filter(created_at__lt=now - MAX_AGE).delete()
    PendingReveal.objects.create(
        key=make_key(request, account_id, nonce),
        secret_name=SEPARATOR.join(versions),
        version=SEPARATOR.join(map(str, versions.values())),
        created_at=now,
    )
    return redirect(f"{account_url(account_id)}?{urlencode({PARAMETER: nonce})}")


def take_pending_reveal(request: HttpRequest, account_id: int) -> PendingReveal | None:
    """Return which secrets this answer shows, and delete the row, so that no other answer does."""
    nonce = request.GET.get(PARAMETER, "")
    if request.method != "GET" or not nonce:
        return None
    fresh = PendingReveal.objects.filter(
        key=make_key(request, account_id, nonce), created_at__gte=timezone.now() - MAX_AGE
    )
    pending = fresh.first()
    deleted, _by_model = fresh.delete()  # one statement: of two requests, one deletes the row
    return pending if deleted else None


def make_key(request: HttpRequest, account_id: int, nonce: str) -> str:
    value = f"{nonce}:{request.session.session_key}:{request.user.pk}:{account_id}"
    return salted_hmac(__name__, value, algorithm="sha256").hexdigest()
