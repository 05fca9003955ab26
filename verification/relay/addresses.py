"""Decides which addresses a backend may have.

Whoever may set a backend must not reach the gateway's own network with it: a database, another
service on this machine, or a cloud's metadata, which holds credentials. Only the pairs of host and
port in RELAY_PRIVATE_HOSTS are exempt.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import NamedTuple
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from verification.models.backend import MAX_URL_LENGTH

DEFAULT_PORTS = {"https": 443, "http": 80}
LABEL = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
#: Resolvers take a name that ends like this for an IPv4 address: 127.1, 0x7f000001, 2130706433.
NUMBER = r"([0-9]+|0x[0-9a-f]*)"

# Written out, because `is_global` of the standard library differs between versions, and has gaps:
# 3.11 and 3.12 call 192.0.0.192 and 2002:7f00:1:: global, and 3.13 still calls multicast, 3fff::/20
# and the NAT64 form of 127.0.0.1 global.
FORBIDDEN_IPV4 = [
    IPv4Network(network)
    for network in [
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16"),
        *("172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16"),
        *("198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
        "168.63.129.16/32",  # Azure answers metadata there, at a public address
    ]
]
GLOBAL_IPV6 = IPv6Network("2000::/3")
FORBIDDEN_IPV6 = [
    IPv6Network("2001::/23"),  # Teredo, benchmarks, ORCHID
    IPv6Network("2002::/16"),  # 6to4, which embeds any IPv4 address
    IPv6Network("2001:db8::/32"),  # documentation, as is the next one
    IPv6Network("3fff::/20"),
]
NAT64 = IPv6Network("64:ff9b::/96")


class Endpoint(NamedTuple):
    scheme: str
    host: str  #: in lower case, without brackets
    port: int


# --- The URL


def validate_backend_url(url: str) -> None:
    """Raise ValidationError, with a sentence that says what to do, unless a backend may have it."""
    endpoint = _parse(url)
    if endpoint.scheme != "https" and not is_exempt(endpoint.host, endpoint.port):
        raise ValidationError(
            _(
                "The URL must begin with https://. http:// is possible only for hosts that "
                "RELAY_PRIVATE_HOSTS lists. If this is your own backend in a private network, add "
                "%(pair)s to RELAY_PRIVATE_HOSTS and restart all processes."
            ),
            params={"pair": _pair(endpoint.host, endpoint.port)},
        )
    if is_literal(endpoint.host) and not is_allowed(endpoint.host, endpoint.port, endpoint.host):
        raise ValidationError(
            _(
                "%(host)s is not a public address. If your backend is there, add %(pair)s to "
                "RELAY_PRIVATE_HOSTS and restart all processes."
            ),
            params={"host": endpoint.host, "pair": _pair(endpoint.host, endpoint.port)},
        )
    if _is_own_address(endpoint):
        raise ValidationError(
            _(
                "This is the address of wechat_gateway itself (PUBLIC_URL), so messages would go "
                "round in a circle. Enter the URL of your own backend."
            )
        )


def _parse(url: str) -> Endpoint:
    """Return scheme, host and port; raise ValidationError if the URL is malformed."""
    if len(url) > MAX_URL_LENGTH:
        raise ValidationError(
            _("The URL is too long. Use one of at most %(limit)d characters."),
            params={"limit": MAX_URL_LENGTH},
        )
    if re.search(r"[\s\x00-\x20\x7f\\]", url):
        raise ValidationError(
            _("The URL contains a space, a line break or a backslash. Remove it.")
        )
    # Its own pattern, because urlsplit() removes some characters and accepts others silently.
    match = re.fullmatch(
        r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*)://(?P<user>[^/?#]*@)?"
        r"(?P<host>\[[^\]/?#]*\]|[^:/?#\[\]]*)(?P<port>:[^/?#]*)?(?P<rest>[/?][^#]*)?(?P<fragment>#.*)?",
        url,
    )
    scheme = match["scheme"].lower() if match else ""
    if match is None or scheme not in DEFAULT_PORTS or not match["host"]:
        raise ValidationError(_("The URL must look like https://backend.example.cn/wechat."))
    if match["user"] is not None:
        raise ValidationError(
            _(
                "The URL must not contain a user name or a password. To protect your backend, let "
                "it verify the signature of each message."
            )
        )
    if match["fragment"] is not None:
        raise ValidationError(_("The URL must not contain #. Remove it and what follows it."))
    return Endpoint(scheme, _parse_host(match["host"].lower()), _parse_port(match["port"], scheme))


def _parse_host(host: str) -> str:
    if not host.isascii():
        raise ValidationError(
            _(
                "The host must be in ASCII. Enter the form of its name that begins with xn--, "
                "which your domain's registrar shows as Punycode."
            )
        )
    if host.startswith("["):
        try:
            return str(IPv6Address(host[1:-1] if "%" not in host else ""))
        except ValueError:
            raise ValidationError(_("The host in brackets must be an IPv6 address.")) from None
    if is_literal(host) and not _is_ipv4(host):
        raise ValidationError(
            _("Write an IPv4 address as four decimal numbers, such as 203.0.113.7.")
        )
    if len(host) > 253 or not re.fullmatch(rf"{LABEL}(\.{LABEL})*", host):
        raise ValidationError(
            _("The host must be a name such as backend.example.cn, or an IP address.")
        )
    return host


def _parse_port(port: str | None, scheme: str) -> int:
    if port is None:
        return DEFAULT_PORTS[scheme]
    if not re.fullmatch(r":[0-9]{1,5}", port) or not 1 <= int(port[1:]) <= 65535:
        raise ValidationError(_("The port must be a number from 1 to 65535."))
    return int(port[1:])


def _is_own_address(endpoint: Endpoint) -> bool:
    own = urlsplit(settings.PUBLIC_URL)
    port = own.port or DEFAULT_PORTS.get(own.scheme)
    return (own.hostname, port) == (endpoint.host, endpoint.port)


# --- The address


def is_allowed(host: str, port: int, address: str) -> bool:
    """Return whether the client may connect to this address of the host."""
    return is_exempt(host, port) or _is_public(address)


def is_exempt(host: str, port: int) -> bool:
    """Return whether RELAY_PRIVATE_HOSTS lists the host with this port."""
    return _pair(host, port) in settings.RELAY_PRIVATE_HOSTS


def is_literal(host: str) -> bool:
    """Return whether the host is an address, or something that a resolver may take for one."""
    last = host.rpartition(".")[2]
    return ":" in host or re.fullmatch(NUMBER, last, re.IGNORECASE) is not None


def _pair(host: str, port: int) -> str:
    """Return host and port as RELAY_PRIVATE_HOSTS spells them."""
    if ":" not in host:
        return f"{host.lower()}:{port}"
    try:
        return f"[{ip_address(host)}]:{port}"
    except ValueError:
        return ""


def _is_ipv4(text: str) -> bool:
    try:
        return str(IPv4Address(text)) == text
    except ValueError:
        return False


def _is_public(address: str) -> bool:
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    if isinstance(parsed, IPv6Address) and parsed in NAT64:
        parsed = IPv4Address(parsed.packed[-4:])  # which an IPv6-only network reaches like this
    if isinstance(parsed, IPv4Address):
        return not any(parsed in network for network in FORBIDDEN_IPV4)
    is_global = parsed in GLOBAL_IPV6 and not any(parsed in network for network in FORBIDDEN_IPV6)
    return is_global and parsed.scope_id is None
