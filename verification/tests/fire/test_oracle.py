"""Compares verdicts on signatures with those of wechatpy, an independent library."""

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
from verification.tests.fire.conftest import RecordFigure
from verification.tests.fire.support.run_length import short_or_long
from verification.tests.support import signer
from verification.tests.support.callback_factory import make_callback

TUPLES = short_or_long(5_000, 100_000)
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


def random_text(generator: random.Random, alphabet: str, max_length: int) -> str:
    length = generator.randint(1, max_length)
    return "".join(generator.choices(ALPHABETS[alphabet], k=length))


def random_tuples(count: int) -> Iterator[Signed]:
    """Yield tuples of which one in three is signed correctly, and others almost."""
    generator = random.Random(20_261_125)
    for _ in range(count):
        token = random_text(generator, "token", 32)
        timestamp = random_text(generator, "timestamp", 20)
        nonce = random_text(generator, generator.choice(["nonce", "any nonce"]), 128)
        correct = signer.signature(token, timestamp, nonce)
        signature = generator.choice([correct, *wrong_signatures(generator, correct)])
        yield Signed(token, signature, timestamp, nonce)


def wrong_signatures(generator: random.Random, correct: str) -> list[str]:
    """Return two signatures: one with a changed digit, and one that is wrong in another way."""
    index = generator.randrange(40)
    digit = generator.choice([digit for digit in "0123456789abcdef" if digit != correct[index]])
    others = [correct[:-1], f"{correct}0", correct.upper(), signer.signature("token", "1", "2")]
    return [correct[:index] + digit + correct[index + 1 :], generator.choice(others)]


def wechatpy_accepts(signed: Signed) -> bool:
    try:
        check_signature(signed.token, signed.signature, signed.timestamp, signed.nonce)
    except InvalidSignatureException:
        return False
    return True


def gateway_accepts(signed: Signed) -> bool:
    """Parse the query string of a request, and verify the signature in it."""
    query = urlencode({**signed._asdict(), "echostr": "4375120948345356249"})
    callback = make_callback(query)
    return callback.error is None and verify_signature(
        signed.token, callback.signed_parts, callback.signature or b""
    )


def test_random_requests_are_judged_as_wechatpy_judges_them(figure: RecordFigure) -> None:
    judged: Counter[tuple[bool, bool]] = Counter(
        (gateway_accepts(signed), wechatpy_accepts(signed)) for signed in random_tuples(TUPLES)
    )
    agreed = judged[True, True] + judged[False, False]
    figure(
        "Signatures get the same verdict as from wechatpy, an older library",
        target=f"{TUPLES:,} random tuples, no difference",
        measured=f"{TUPLES:,} tuples, {judged[True, True]:,} of them signed rightly; "
        f"{TUPLES - agreed:,} differences",
        is_met=agreed == TUPLES,
    )

    assert agreed == TUPLES
    assert judged[True, True] > TUPLES / 4
    assert judged[False, False] > TUPLES / 4


def sign(token: str, timestamp: str, nonce: str) -> Signed:
    return Signed(token, signer.signature(token, timestamp, nonce), timestamp, nonce)


def test_an_empty_token_is_refused_although_wechatpy_accepts_it() -> None:
    """Anyone can sign with an empty token."""
    signed = sign("", "1714036504", "1514711492")

    assert wechatpy_accepts(signed)
    assert not gateway_accepts(signed)


def test_the_hash_of_nothing_is_refused_although_wechatpy_accepts_it() -> None:
    """The published exploit uses an empty token, and parameters without values."""
    signed = sign("", "", "")

    assert wechatpy_accepts(signed)
    assert not gateway_accepts(signed)
