"""Checks hosts, addresses and origins in variables."""

from __future__ import annotations

import os
import re
from ipaddress import IPv6Address, ip_address
from urllib.parse import urlsplit

from wechat_gateway import env
from wechat_gateway.env import _


def is_host(text: str) -> bool:
    """Return whether this is a name, an IPv4 address, or an IPv6 address in brackets."""
    if not text.startswith("["):
        return re.fullmatch(r"\.?[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*", text) is not None
    try:
        return text.endswith("]") and IPv6Address(text[1:-1]) is not None
    except ValueError:
        return False


def host_and_port(text: str) -> str:
    """Return a host and its port, such as backend:8000 or [fd00::1]:8000, in their shortest form.

    Return an empty string if the text is anything else.
    """
    host, _colon, port = text.lower().rpartition(":")
    if not re.fullmatch(r"[1-9][0-9]{0,4}", port) or int(port) > 65535:
        return ""
    if not is_host(host) or host.startswith(".") or "%" in host:
        return ""
    if host.startswith("["):
        return f"[{IPv6Address(host[1:-1])}]:{port}"
    # A resolver takes a name that ends like this for an IPv4 address.
    looks_like_ipv4 = re.search(r"(^|\.)([0-9]+|0x[0-9a-f]*)$", host)
    return f"{host}:{port}" if is_ip_address(host) or not looks_like_ipv4 else ""


def private_hosts() -> set[str]:
    """Return the pairs in RELAY_PRIVATE_HOSTS, as host_and_port() spells them."""
    pairs = {host_and_port(pair) for pair in env.comma_separated("RELAY_PRIVATE_HOSTS")}
    if "" in pairs:
        env.report(
            _(
                "RELAY_PRIVATE_HOSTS must hold hosts with their ports, such as backend:8000 or "
                "10.0.0.7:8000, separated by commas, without https:// and without a path."
            )
        )
    return pairs


def allowed_hosts(*, is_local: bool) -> list[str]:
    """Return the hosts in ALLOWED_HOSTS; on a local copy without any, the names of this machine."""
    hosts = env.comma_separated("ALLOWED_HOSTS")
    if is_local and (not all(map(is_loopback, hosts)) or "DYNO" in os.environ):
        env.report(
            _(
                "WECHAT_GATEWAY_LOCAL must not be 1 on a server, because it switches https off: "
                "remove it from the environment and from .env. On your own machine, remove "
                "ALLOWED_HOSTS."
            )
        )
    if not all(host == "*" or is_host(host) for host in hosts):
        env.report(
            _(
                "ALLOWED_HOSTS must hold names such as wx.example.cn, without https:// and "
                "without a port."
            )
        )
    if is_local and not hosts:
        return ["localhost", "127.0.0.1", "[::1]"]
    return hosts


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
