"""Checks hosts, addresses and origins in variables."""

from __future__ import annotations

import re
from ipaddress import IPv6Address, ip_address
from urllib.parse import urlsplit


def is_host(text: str) -> bool:
    """Return whether this is a name, an IPv4 address, or an IPv6 address in brackets."""
    if not text.startswith("["):
        return re.fullmatch(r"\.?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*", text) is not None
    try:
        return text.endswith("]") and IPv6Address(text[1:-1]) is not None
    except ValueError:
        return False


def is_ip_address(text: str) -> bool:
    try:
        return is_host(text) and ip_address(text.strip("[]")) is not None
    except ValueError:
        return False


def is_loopback(text: str) -> bool:
    return text == "localhost" or (is_ip_address(text) and ip_address(text.strip("[]")).is_loopback)


def is_origin(text: str) -> bool:
    """Return whether this is http or https, a host, and perhaps a port; without a path."""
    match = re.fullmatch(r"https?://(\[[^\]]*\]|[^:\[\]]+)(:[0-9]+)?", text)
    if match is None or not is_host(match[1]):
        return False
    try:
        return urlsplit(text).port != 0  # raises ValueError for a port above 65535
    except ValueError:
        return False
