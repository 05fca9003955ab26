"""The accounts of a company, for tests of what its people do wrong."""

from __future__ import annotations

import hashlib
from datetime import timedelta

from django.test import Client

from verification.accounts.tokens import rotate_token
from verification.diagnosis import Explanation, explain
from verification.fields import Secret
from verification.models import AESKey, OfficialAccount
from verification.tests.support.accounts import LI_WEI
from verification.tests.support.adapter import last_attempt
from verification.tests.support.signer import verification

MALL, OLD_MALL = "CityMallToken2026", "CityMallOld2024x"
OUTLET = "k7YpQ2mXw9RtB4nHcV6sDfG8jLzA3eUx"
SHARED = "SharedTeaBook2025"
MALL_AES_KEY = "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG"
TIMESTAMP, NONCE, ECHOSTR = "1714036504", "1514711492", "4375120948345356249"


def found_company() -> None:
    """Create City Mall, with a retired token and a key, Harbor Outlet, and two with one token."""
    mall = _open("City Mall", "city-mall", OLD_MALL, MALL, app_id="wx1f0a5b3c7d9e2468")
    AESKey.objects.create(account=mall, secret=Secret.of(MALL_AES_KEY), fingerprint="abc123")
    _open("Harbor Outlet", "harbor-outlet", OUTLET, app_id="wx9d8c7b6a5f4e3d2c")
    _open("Tea House", "tea-house", SHARED)
    _open("Book Shop", "book-shop", SHARED)


def _open(name: str, slug: str, *tokens: str, **fields: str) -> OfficialAccount:
    account = OfficialAccount.objects.create(name=name, slug=slug, **fields)
    for token in tokens:
        rotate_token(account, token, LI_WEI, keep_old=timedelta(0))
    return account


def call(
    target: str = "/wechat/city-mall", query: str = "", agent: str = "Mozilla/4.0"
) -> Explanation:
    """Send a GET, and explain it."""
    Client(headers={"User-Agent": agent}).get(f"{target}?{query}")
    return explain(last_attempt())


def call_with(
    token: str, target: str = "/wechat/city-mall", agent: str = "Mozilla/4.0", **rest: str
) -> Explanation:
    """Send a URL verification that is signed with any text as the token, and explain it."""
    joined = "".join(sorted((token, rest.get("timestamp", TIMESTAMP), rest.get("nonce", NONCE))))
    return call_signed(hashlib.sha1(joined.encode()).hexdigest(), target, agent, **rest)


def call_signed(
    signature: str, target: str = "/wechat/city-mall", agent: str = "Mozilla/4.0", **rest: str
) -> Explanation:
    """Send a URL verification with this signature, and explain it."""
    right = dict(part.split("=") for part in verification("any").split("&"))
    parts = {**right, "timestamp": TIMESTAMP, "nonce": NONCE, "echostr": ECHOSTR, **rest}
    parts["signature"] = signature
    return call(target, "&".join(f"{name}={value}" for name, value in parts.items()), agent)
