"""What the commands that call a server URL share: the URL, and the token that signs."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import CommandError
from django.utils.translation import gettext as _

from verification.models import OfficialAccount


def default_url(account: OfficialAccount) -> str:
    base = settings.PUBLIC_URL or f"http://127.0.0.1:{settings.PORT}"
    return f"{base}{account.server_path}"


def require_url(text: str) -> str:
    """Return the URL of --url. Raises CommandError."""
    if not is_url(text):
        raise CommandError(
            _(
                "The URL must begin with http:// or https://, name a host, and consist of ASCII "
                "characters without spaces and #."
            )
        )
    return text


def is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        has_host = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:  # an invalid port or IPv6 address
        return False
    return bool(has_host) and re.fullmatch(r"[!\"$-~]+", text) is not None


def current_token(account: OfficialAccount) -> str:
    """Return the text of the account's current token. Raises CommandError if it has none."""
    current = account.current_token
    if current is None or current.secret is None:
        sentence = _("{account} has no token yet: run rotate_token {slug}.")
        raise CommandError(sentence.format(account=account, slug=account.slug))
    text: str = current.secret.reveal()
    return text
