"""Scripts sign wrongly in known ways. Each is named, with whose token it was."""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import b64encode

import pytest

from verification.tests.support.accounts import make_account
from verification.tests.support.company import (
    ECHOSTR,
    MALL,
    NONCE,
    OUTLET,
    TIMESTAMP,
    call_signed,
    found_company,
)


@pytest.fixture(autouse=True)
def company(db: None) -> None:
    found_company()


def sha1(text: str) -> str:
    return hashlib.sha1(text.encode()).hexdigest()


def hmac_sha1(text: str) -> str:
    return hmac.new(MALL.encode(), text.encode(), "sha1").hexdigest()


#: They are sorted: digits come before letters.
PARTS = [NONCE, TIMESTAMP, MALL]


@pytest.mark.parametrize(
    ("signature", "words"),
    [
        (sha1(MALL + TIMESTAMP + NONCE), "in another order than WeChat's"),
        (sha1(TIMESTAMP + NONCE + MALL), "in another order than WeChat's"),
        (sha1(",".join(PARTS)), "with a separator"),
        (sha1("&".join([MALL, TIMESTAMP, NONCE])), "with a separator"),
        (sha1(f"token={MALL}&timestamp={TIMESTAMP}&nonce={NONCE}"), "with a separator"),
        (sha1(repr(PARTS)), "with a separator"),
        (sha1(f"nonce={NONCE}&timestamp={TIMESTAMP}{MALL}"), "names between or around the parts"),
        (sha1("".join(sorted([*PARTS, ECHOSTR]))), "with the echostr"),
        (sha1("".join(PARTS) + ECHOSTR), "with the echostr"),
        (hmac_sha1(TIMESTAMP + NONCE), "with HMAC"),
        (hmac_sha1("".join(PARTS)), "with HMAC"),
        (hmac_sha1(f"{TIMESTAMP}\n{NONCE}"), "with HMAC"),
        (hmac.new((TIMESTAMP + NONCE).encode(), MALL.encode(), "sha1").hexdigest(), "with HMAC"),
        (sha1(json.dumps(PARTS)), "with a separator"),
        (sha1(json.dumps(PARTS, separators=(",", ":"))), "with a separator"),
        (sha1(f"[{' '.join(PARTS)}]"), "with a separator, brackets"),
        (sha1(f"[{MALL} {TIMESTAMP} {NONCE}]"), "with a separator, brackets"),
        (sha1(f"[{', '.join(PARTS)}]"), "with a separator, brackets"),
        (sha1(repr(tuple(PARTS))), "with a separator, brackets"),
        (sha1(str("".join(PARTS).encode())), "or names between or around the parts"),
        (sha1(f"-n {''.join(PARTS)}\n"), "a line break or names between or around the parts"),
        (sha1("".join(sorted("".join(PARTS)))), "with the single characters sorted"),
        (hashlib.sha1(hashlib.sha1("".join(PARTS).encode()).digest()).hexdigest(), "twice"),
        (sha1(b64encode("".join(PARTS).encode()).decode()), "encoded twice"),
        (sha1(hashlib.md5("".join(PARTS).encode()).hexdigest()), "hashed or encoded twice"),
        (sha1(f"{NONCE}{int(TIMESTAMP) + 28_800}{MALL}"), "with the timestamp of another second"),
        (sha1(f"{NONCE}{int(TIMESTAMP) - 30}{MALL}"), "with the timestamp of another second"),
        (sha1("|".join([NONCE, TIMESTAMP, MALL.upper()])), "case mixed up and with a separator"),
        (sha1(" ".join([NONCE, TIMESTAMP, MALL[:-1]])), "missing and with a separator"),
        (sha1("".join(sorted([MALL, TIMESTAMP, ECHOSTR]))), "with the echostr"),
        (sha1(f"{NONCE}{int(TIMESTAMP):x}{MALL}"), "with the timestamp in another unit"),
        (sha1("/wechat/city-mall" + "".join(PARTS)), "such as the AppID"),
        (sha1(f"{NONCE}{TIMESTAMP}000{MALL}"), "with the timestamp in another unit"),
        (sha1(f"{NONCE}{TIMESTAMP}.0{MALL}"), "with the timestamp in another unit"),
        (sha1(f"{NONCE}{int(TIMESTAMP) + 1}{MALL}"), "with the timestamp of another second"),
        (sha1(f"{NONCE}{int(TIMESTAMP) - 2}{MALL}"), "with the timestamp of another second"),
        (sha1(f"{NONCE}{TIMESTAMP}307{MALL}"), "such as milliseconds"),
        (sha1("\n".join([*PARTS, ""])), "a line break or names between or around the parts"),
        (sha1("\r\n".join([*PARTS, ""])), "a line break or names between or around the parts"),
        (sha1("".join([MALL, TIMESTAMP, NONCE, "\n"])), "between or around the parts"),
        (sha1(" ".join([*PARTS, ""])), "between or around the parts"),
        (sha1(f"{NONCE[:8]}{TIMESTAMP}{MALL}"), "with another nonce"),
        (sha1(f"{TIMESTAMP}{MALL}"), "without the timestamp or the nonce"),
        (sha1(MALL), "without the timestamp or the nonce"),
        (hashlib.sha256("".join(PARTS).encode()).hexdigest()[:40], "another hash function"),
        (sha1(sha1("".join(PARTS))), "another hash function"),
        (hashlib.sha1("".join(PARTS).encode("utf-16-le")).hexdigest(), "another encoding"),
        (sha1(f"{MALL}\n{TIMESTAMP}{NONCE}"), "a line break in it or beside it and with the parts"),
    ],
)
def test_another_recipe_is_named(signature: str, words: str) -> None:
    explanation = call_signed(signature)

    assert explanation.cause == "signed_differently"
    assert "the token of “City Mall”" in explanation.what_happened
    assert words in explanation.what_happened
    assert "WeChat never signs like this" in explanation.what_to_do


def test_another_recipe_with_another_accounts_token_is_named() -> None:
    explanation = call_signed(sha1(OUTLET + TIMESTAMP + NONCE))

    assert (
        "the token of “Harbor Outlet”, but with the parts in another order"
        in explanation.what_happened
    )
    both = call_signed(sha1(f"{OUTLET}\n{TIMESTAMP}{NONCE}")).what_happened
    assert "“Harbor Outlet”, but with a line break in it or beside it and with the parts" in both
    assert "The URL belongs to “City Mall”." in explanation.what_happened


@pytest.mark.parametrize(
    ("sent", "signed"),
    [("1714036504123", "1714036504"), ("1714036504", "1714036504000")],
)
def test_milliseconds_are_named(sent: str, signed: str) -> None:
    explanation = call_signed(sha1("".join(sorted([NONCE, signed, MALL]))), timestamp=sent)

    assert "such as milliseconds" in explanation.what_happened


@pytest.mark.parametrize("glued", ["/wechat/city-mall", ";jsessionid=5"])
def test_what_was_glued_to_the_nonce_is_named(glued: str) -> None:
    right = sha1("".join(PARTS))

    assert "with another nonce" in call_signed(right, nonce=f"{NONCE}{glued}").what_happened


def test_a_line_break_may_be_at_the_end_of_what_was_hashed() -> None:
    """Somebody hashed with echo: the token, which sorts last, has no line break itself."""
    explanation = call_signed(sha1("".join(PARTS) + "\n"))

    assert "with a line break in it or beside it" in explanation.what_happened
    assert "A shell's echo adds a line break to what it hashes" in explanation.what_to_do
    assert "some print -n as well" in call_signed(sha1(f"-n {''.join(PARTS)}\n")).what_to_do


def test_the_characters_of_a_short_token_are_not_compared_in_any_order() -> None:
    make_account("travel-club", "Short8Token")
    text = "".join(sorted(f"Short8Token{TIMESTAMP}{NONCE}"))

    assert call_signed(sha1(text), "/wechat/travel-club").cause == "token_unknown"
