"""Shows a secret once: on the account page, after the redirect from the form that made it.

The session holds which secret may be shown, and never the secret. The next page of the account
takes that note out of the session, and decrypts the secret for this one answer.
"""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from verification.admin.base import redirect_to_account

SESSION_KEY = "secret_to_show"
#: In seconds. A browser follows a redirect at once; a note that is older was not fetched.
MAX_AGE = 60


def redirect_to_secret(
    request: HttpRequest, account_id: int, name: str, version: int | str
) -> HttpResponse:
    """Redirect to the account page, which shows this secret in its answer to this session.

    `version` tells the secret from later ones of the same name, which are not shown. A user who may
    not open the account page is shown nothing.
    """
    note = [account_id, name, str(version), timezone.now().timestamp()]
    request.session[SESSION_KEY] = note
    return redirect_to_account(request, account_id)


def take_note(request: HttpRequest, account_id: int) -> tuple[str, str]:
    """Return name and version of the secret that this answer shows; both are empty for none.

    The note is good for one answer, and only for the account that it was written for.
    """
    note = request.session.pop(SESSION_KEY, None) if request.method == "GET" else None
    if note is None:
        return "", ""
    noted_id, name, version, noted_at = note
    is_fresh = 0 <= timezone.now().timestamp() - noted_at <= MAX_AGE
    return (name, version) if is_fresh and noted_id == account_id else ("", "")
