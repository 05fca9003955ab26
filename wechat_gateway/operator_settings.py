"""Reads the variables that say who operates this server."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.core.validators import URLValidator

from wechat_gateway import env
from wechat_gateway.alert_settings import is_email_address
from wechat_gateway.env import _

#: Longer names break the header of the admin.
MAX_LENGTH = 73


def organisation() -> str:
    """Return the name of the organisation, or an empty string."""
    name = env.text("ORGANISATION")
    if name.isprintable() and len(name) <= MAX_LENGTH:
        return name
    env.report(
        _("ORGANISATION must be a name on one line, of at most %(length)d characters."),
        length=MAX_LENGTH,
    )
    return ""


def contact() -> str:
    """Return the e-mail address or the https address of the operator, or an empty string."""
    address = env.text("CONTACT")
    if not address or is_email_address(address) or _is_https_url(address):
        return address
    env.report(
        _("CONTACT must be an e-mail address, or an address that begins with https://."),
    )
    return ""


def _is_https_url(text: str) -> bool:
    try:
        URLValidator(schemes=["https"])(text)
    except ValidationError:
        return False
    return "@" not in text
