"""The address a callback came from, in the spelling that PostgreSQL uses."""

from __future__ import annotations

import ipaddress
from functools import lru_cache


def parse_client_ip(peer: str, forwarded_for: str, trusted_proxy_count: int) -> str | None:
    """The address that the outermost trusted proxy saw; without proxies, the peer's own.

    X-Forwarded-For is read from the right: every entry left of our own proxies' is the
    client's to forge. With fewer entries than proxies the header proves nothing.
    """
    entries = [entry.strip() for entry in forwarded_for.split(",") if entry.strip()]
    if 0 < trusted_proxy_count <= len(entries):
        entry = entries[-trusted_proxy_count]
        return (
            canonical_ip(entry) if len(entry) <= MAX_IP_LENGTH else None
        )  # what is cached is bounded
    return canonical_ip(peer)


#: The longest spelling of an IPv6 address.
MAX_IP_LENGTH = 45


@lru_cache(maxsize=1024)
def canonical_ip(text: str) -> str | None:
    """One spelling per address, or None for what is no address or could not be stored."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv4Address):
        return str(address)
    if address.ipv4_mapped:
        # Python 3.11 and 3.13 spell a mapped address differently.
        return str(address.ipv4_mapped)
    # PostgreSQL's inet takes no zone, and it spells the unroutable ::/96 in its own way.
    if address.scope_id or (int(address) >> 32 == 0 and not address.is_loopback):
        return None
    return str(address)
