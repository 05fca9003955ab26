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


def is_host_and_port(text: str) -> bool:
    """Return whether this is a host and a port, such as backend:8000 or [fd00::1]:8000."""
    host, _colon, port = text.rpartition(":")
    is_port = re.fullmatch(r"[1-9][0-9]{0,4}", port) is not None and int(port) <= 65535
    is_number = re.search(r"(^|\.)([0-9]+|0x[0-9a-f]*)$", host.lower()) is not None
    return is_port and host[:1] != "." and is_host(host) and (not is_number or is_ip_address(host))


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
