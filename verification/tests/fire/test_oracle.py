"""DeferredQueue against wechatpy, which nobody here wrote."""

from __future__ import annotations

import random
import string
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import urlencode

from wechatpy.exceptions import InvalidSignatureException
from wechatpy.utils import check_signature

from verification.protocol.signature import verify_signature
from verification.tests.fire.conftest import KeepFigure
from verification.tests.fire.support.scale import scale
from verification.tests.support import signer
from verification.tests.support.callback_factory import make_callback

TUPLES = scale(5_000, 100_000)
ALPHABETS = {
    "token": string.ascii_letters + string.digits,
    "timestamp": string.digits,
    "nonce": string.digits,
    "any nonce": "".join(map(chr, range(0x21, 0x7F))),
}


class Signed(NamedTuple):
    token: str
    signature: str
    timestamp: str
    nonce: str


def text(generator: random.Random, alphabet: str, longest: int) -> str:
    length = generator.randint(1, longest)
    return "".join(generator.choices(ALPHABETS[alphabet], k=length))


def random_tuples(count: int) -> Iterator[Signed]:
    """One in three is signed rightly; the others are off by as little as one digit."""
    generator = random.Random(20_261_125)
    for _ in range(count):
        token = text(generator, "token", 32)
        timestamp = text(generator, "timestamp", 20)
        nonce = text(generator, generator.choice(["nonce", "any nonce"]), 128)
        right = signer.signature(token, timestamp, nonce)
        yield Signed(token, generator.choice([right, *nearly(generator, right)]), timestamp, nonce)


def nearly(generator: random.Random, right: str) -> list[str]:
    """One digit is another, and one of: cut, longer, upper-case, or of something else."""
    place = generator.randrange(40)
    other = generator.choice([digit for digit in "0123456789abcdef" if digit != right[place]])
    odd = [right[:-1], f"{right}0", right.upper(), signer.signature("token", "1", "2")]
    return [right[:place] + other + right[place + 1 :], generator.choice(odd)]


def wechatpy_accepts(it: Signed) -> bool:
    try:
        check_signature(it.token, it.signature, it.timestamp, it.nonce)
    except InvalidSignatureException:
        return False
    return True


def we_accept(it: Signed) -> bool:
    """From the query string on, as a request has it."""
    query = urlencode({**it._asdict(), "echostr": "4375120948345356249"})
    callback = make_callback(query)
    return callback.error is None and verify_signature(
        it.token, callback.timestamp, callback.nonce, callback.signature or b""
    )


def test_random_requests_are_judged_as_wechatpy_judges_them(figure: KeepFigure) -> None:
    judged: Counter[tuple[bool, bool]] = Counter(
        (we_accept(it), wechatpy_accepts(it)) for it in random_tuples(TUPLES)
    )
    agreed = judged[True, True] + judged[False, False]
    figure(
        "Signatures are judged as wechatpy, an older library, judges them",
        target=f"{TUPLES:,} random tuples, no difference",
        measured=f"{TUPLES:,} tuples, {judged[True, True]:,} of them signed rightly; "
        f"{TUPLES - agreed:,} differences",
        is_met=agreed == TUPLES,
    )

    assert agreed == TUPLES
    assert judged[True, True] > TUPLES / 4
    assert judged[False, False] > TUPLES / 4


def signed(token: str, timestamp: str, nonce: str) -> Signed:
    return Signed(token, signer.signature(token, timestamp, nonce), timestamp, nonce)


def test_an_empty_token_is_where_wechatpy_is_wrong() -> None:
    """Anyone can sign with it: a gateway without a token must answer nobody."""
    anybodys = signed("", "1714036504", "1514711492")

    assert wechatpy_accepts(anybodys)
    assert not we_accept(anybodys)


def test_the_hash_of_nothing_is_where_wechatpy_is_wrong_as_well() -> None:
    """The published exploit: an empty token, and parameters without values."""
    of_nothing = signed("", "", "")

    assert wechatpy_accepts(of_nothing)
    assert not we_accept(of_nothing)
