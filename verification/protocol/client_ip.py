"""Parse the address that a callback came from, in the spelling that PostgreSQL uses."""

from __future__ import annotations

import ipaddress
import re
from functools import lru_cache


def parse_client_ip(peer: str, forwarded_for: str, trusted_proxy_count: int) -> str | None:
    """Return the address that the outermost trusted proxy saw; without proxies, the peer's.

    X-Forwarded-For is read from the right, because a client can forge every entry to the left of
    those that the trusted proxies added. If it has fewer entries than there are proxies, it is
    ignored. Returns None for an address that is invalid or cannot be stored.
    """
    entries = [entry.strip() for entry in forwarded_for.split(",") if entry.strip()]
    if 0 < trusted_proxy_count <= len(entries):
        entry = without_port(entries[-trusted_proxy_count])
        # canonical_ip() caches its argument, so its length must be limited.
        return canonical_ip(entry) if len(entry) <= MAX_IP_LENGTH else None
    return canonical_ip(peer)


#: The longest spelling of an IPv6 address.
MAX_IP_LENGTH = 45


#: Some load balancers append the client's port, such as Azure's.
WITH_PORT = re.compile(r"([0-9.]+):[0-9]{1,5}|\[([^\]]+)\](?::[0-9]{1,5})?", re.ASCII)


def without_port(entry: str) -> str:
    """Return the address of 192.0.2.7:443, [2001:db8::1]:443 or [2001:db8::1]."""
    match = WITH_PORT.fullmatch(entry)
    return match[1] or match[2] if match else entry


@lru_cache(maxsize=1024)
def canonical_ip(text: str) -> str | None:
    """Return the one spelling of an address, or None if it is invalid or cannot be stored."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped:
        # Python 3.11 and 3.13 spell a mapped address differently.
        return str(address.ipv4_mapped)
    # PostgreSQL's inet accepts no zone, and spells the unroutable ::/96 differently.
    if address.scope_id or (int(address) >> 32 == 0 and not address.is_loopback):
        return None
    return str(address)


@lru_cache(maxsize=1024)
def source_of(client_ip: str | None) -> str:
    """Return the IPv4 address, or the /64 network of an IPv6 address.

    A holder of one IPv6 address usually has the whole /64, with 2**64 addresses.
    """
    if client_ip is None or ":" not in client_ip:
        return client_ip or ""
    return str(ipaddress.ip_network((client_ip, 64), strict=False))
