"""Lists what scripts sign in place of the timestamp and the nonce that they send."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from urllib.parse import quote, unquote

CHINA = timedelta(hours=8)
#: A nonce of WeChat's has 10 digits at most. Of a longer one, not more parts are tried.
MAX_NONCE = 40
#: The digits of a timestamp in seconds, which has ten for centuries.
MAX_TIMESTAMP = 10


def near_timestamps(timestamp: bytes, seconds: int = 5) -> list[bytes]:
    """Return the seconds before and after, and the same second in the time zone of China."""
    if not timestamp.isdigit() or len(timestamp) > MAX_TIMESTAMP:
        return []
    offsets = [*range(-seconds, seconds + 1), 8 * 3600, -8 * 3600]
    return [b"%d" % near for by in offsets if by and (near := int(timestamp) + by) > 0]


def other_timestamps(timestamp: bytes) -> list[bytes]:
    """Return the same moment in other units and formats."""
    if not timestamp.isdigit() or len(timestamp) > 16:
        return []
    seconds = timestamp[:10] if len(timestamp) in {13, 16} else timestamp
    number = int(seconds)
    forms = [seconds, *(seconds + more for more in (b"000", b".0", b"000000"))]
    forms += [b"%x" % number, b"%X" % number, b"%d" % (number // 60), b"-" + seconds]
    if number < 2**33:
        moment = datetime.fromtimestamp(number, UTC)
        patterns = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ", "%Y%m%d%H%M%S")
        forms += [
            local.strftime(pattern).encode()
            for local in (moment, moment + CHINA)
            for pattern in patterns
        ]
    return [form for form in dict.fromkeys(forms) if form != timestamp]


def other_nonces(nonce: bytes) -> list[bytes]:
    """Return parts of the nonce, and its other spellings."""
    text = nonce.decode("ascii", "replace")
    ends = range(1, min(len(nonce), MAX_NONCE))
    spellings = [
        *(text.lower(), text.upper(), text.lstrip("0"), text.strip("\"'()[]{}<>"), f"{text}.0"),
        *(text.replace("+", " "), unquote(text), quote(text, safe="")),
        *(re.sub(r"[^0-9A-Za-z]", "", text), text[::-1]),
    ]
    forms = [
        *(nonce[:end] for end in ends),
        *(nonce[end:] for end in ends),
        re.split(rb"[/?&#;,\"'\\]", nonce, maxsplit=1)[0],
        *(spelling.encode() for spelling in spellings),
    ]
    return [form for form in dict.fromkeys(forms) if form and form != nonce]


def other_echostrs(echostr: bytes) -> list[bytes]:
    """Return other spellings of the encrypted echostr of WeCom."""
    text = echostr.decode("ascii", "replace")
    forms = [quote(text, safe=""), text.replace("+", " "), text.rstrip("=")]
    return [form.encode() for form in dict.fromkeys(forms) if form != text]


def repair_echostr(echostr: str) -> str:
    """Return the encrypted echostr as WeCom sent it, if a proxy or a script has changed it.

    A + became a blank, + and / became - and _, it was percent-encoded twice, or it lost the = at
    its end.
    """
    text = unquote(echostr).replace(" ", "+").replace("-", "+").replace("_", "/").rstrip("=")
    return text + "=" * (-len(text) % 4)
