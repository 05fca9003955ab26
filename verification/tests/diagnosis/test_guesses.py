"""Explanations are no oracle: neither guesses nor copied signatures find out a part of a token.

Auditors read explanations, and anyone can send a request. A request is signed either with a text
that its sender knows, a guess, or with a signature that its sender has copied from the log.
"""

from __future__ import annotations

import hashlib
import random
from base64 import b64encode
from collections import defaultdict
from collections.abc import Callable
from math import factorial, log2, prod
from string import digits

import pytest

from verification.diagnosis.double_slips import double_variants, typed_variants
from verification.diagnosis.rare_slips import rare_variants, thorough_variants
from verification.diagnosis.recipes import SHORTEST_SORTED
from verification.diagnosis.slips import (
    LETTERS,
    LOOK_ALIKES,
    Slip,
    likeliest_variants,
    likely_variants,
)
from verification.tests.support.accounts import make_account
from verification.tests.support.company import call_signed
from verification.tests.support.signer import signature
from verification.tests.support.wecom import make_wecom_app
from verification.tests.support.wecom_calls import check, sha1

ALPHABET = LETTERS.decode()
#: What somebody who sends a request every second has sent after a day.
GUESSES = 100_000
TIMESTAMP, EARLY, LATE = "1714036504", "1514711492", "9514711492"

Texts = dict[tuple[Slip, ...], set[bytes]]


def texts_by_slip(token: str) -> Texts:
    """Return all texts that are recognized as the token, by their mistake."""
    found: Texts = defaultdict(set)
    makers = (
        *(likeliest_variants, likely_variants, rare_variants),
        *(thorough_variants, double_variants, typed_variants),
    )
    for variants in (some for make in makers for some in make(token)):
        # Two mistakes may make the token again: one adds a space, and the other drops it.
        found[variants.slips].update({*variants.texts} - {token.encode()})
    return found


def tokens_behind_the_texts(token: str) -> list[float]:
    """Return for each text how many tokens make it by the same mistake.

    A token makes the same text if it differs only in characters that the mistake drops or changes.
    So the number is the product, over all places, of the letters that leave the text as it is.
    """
    letters: dict[tuple[tuple[Slip, ...], bytes], list[int]] = defaultdict(lambda: [1] * len(token))
    here = texts_by_slip(token)
    for place, letter in enumerate(token):
        alike = {*"".join(group for group in LOOK_ALIKES if letter in group), letter.swapcase()}
        alike |= {*digits} if letter in digits else set()
        unlike = random.Random(place).sample(sorted({*ALPHABET} - alike - {letter}), 2)
        kept_by = [
            {other: texts_by_slip(f"{token[:place]}{other}{token[place + 1 :]}") for other in some}
            for some in (alike - {letter}, unlike)
        ]
        for slips, texts in here.items():
            for text in texts:
                counts = [sum(text in made[slips] for made in some.values()) for some in kept_by]
                # If two letters that have nothing to do with it make the same text, all do.
                is_free = counts[1] == len(unlike)
                letters[slips, text][place] = len(ALPHABET) if is_free else 1 + sum(counts)
    return [prod(map(float, places)) for places in letters.values()]


@pytest.mark.parametrize(("length", "bound"), [(9, -20), (12, -27), (16, -29), (32, -77)])
def test_a_day_of_guesses_finds_nothing_out(length: int, bound: int) -> None:
    """One guess is compared with a set of tokens. All its mistakes are added up.

    The chance that a guess, which knows nothing, is in the set is at most the size of the set
    divided by the number of all tokens. `bound` is the chance of a day's guesses, in bits.
    """
    token = "".join(random.Random(length).sample(ALPHABET, length))
    tested = sum(tokens_behind_the_texts(token))
    bits = log2(GUESSES) + log2(tested) - length * log2(len(ALPHABET))

    assert tested > 1000  # The mistakes were really counted.
    assert bits < bound


@pytest.mark.parametrize("length", [3, 5, 8])
def test_of_a_short_token_every_character_must_be_known(length: int) -> None:
    token = "".join(random.Random(length).sample(ALPHABET, length))

    assert max(tokens_behind_the_texts(token)) <= 3.0**length


def test_a_part_is_recognized_from_half_of_the_token_and_eight_characters() -> None:
    for token in ("k7YpQ2mXw9RtB4nHcV6sDfG8jLzA3eUx", "CityMallToken2026", "CityMall99"):
        parts = texts_by_slip(token)[Slip.INCOMPLETE,]

        assert min(map(len, parts)) == max(8, (len(token) + 1) // 2)


def test_the_characters_of_a_token_in_any_order_are_too_many_to_guess() -> None:
    """Sorted characters are told of a token that has so many that no guess finds them out."""
    chance = (
        log2(GUESSES) + log2(factorial(SHORTEST_SORTED)) - SHORTEST_SORTED * log2(len(ALPHABET))
    )

    assert chance < -25


@pytest.fixture(autouse=True)
def _no_earlier_attempt(monkeypatch: pytest.MonkeyPatch) -> None:
    """Explain no attempt by an earlier one with its signature, which would hide other causes."""
    monkeypatch.setattr("verification.diagnosis.copy_causes._find_signature", lambda _attempt: None)


#: Each makes the text that somebody else has signed with, of a token.
SIGNED_WITH: dict[str, Callable[[str], str]] = {
    "WeChat": lambda token: token,
    "the last character missing": lambda token: token[:-1],
    "the first character missing": lambda token: token[1:],
    "lower case": str.lower,
    "full width": lambda token: token.translate({c: c + 0xFEE0 for c in range(0x21, 0x7F)}),
    "a letter in other case": lambda token: token[0].swapcase() + token[1:],
    "a look-alike": lambda token: token.replace("0", "O", 1),
    "a line break": lambda token: f"{token}\n",
    "quotation marks": lambda token: f'"{token}"',
}
#: Each makes the text that somebody else has hashed, of the sorted parts.
HASHED: dict[str, Callable[[list[str]], str]] = {
    "with commas": ",".join,
    "as Go prints them": lambda parts: f"[{' '.join(parts)}]",
    "with a line break": lambda parts: "".join([*parts, "\n"]),
    "in quotation marks": lambda parts: f'"{"".join(parts)}"',
    "sorted by character": lambda parts: "".join(sorted("".join(parts))),
    "in base64": lambda parts: b64encode("".join(parts).encode()).decode(),
    "twice": lambda parts: hashlib.sha1("".join(parts).encode()).hexdigest(),
}
FIRST = "0vRtB4nHcV6sDfG8"  # sorts before timestamp and nonce
CAPITAL = "Kvrtb4nhcv6sdfg8"  # differs from its lower case in the first character only
LAST = "kvRtB4nHcV6sDfG8"  # sorts after them


@pytest.mark.parametrize("signed_with", SIGNED_WITH)
@pytest.mark.parametrize(
    ("token", "nonce"), [(FIRST, EARLY), (FIRST, LATE), (LAST, LATE), (CAPITAL, LATE)]
)
def test_a_copied_signature_confirms_no_guessed_character(
    db: None, token: str, nonce: str, signed_with: str
) -> None:
    """Someone copies a signature, and moves a guessed character between nonce and token.

    The explanation must be the same for the right character and for the wrong ones.
    """
    make_account("city-mall", token)
    text = SIGNED_WITH[signed_with](token)
    copied = hashlib.sha1("".join(sorted([text, TIMESTAMP, nonce])).encode()).hexdigest()
    around = {token[0], token[-1], text[0], text[-1], *"0123456789abcdefkvRG8"}
    guesses = [letter for letter in sorted(around) if letter.isascii() and letter.isalnum()]
    explanations = {
        call_signed(copied, nonce=longer).full_text
        for guess in guesses
        for longer in (f"{nonce}{guess}", f"{guess}{nonce}")
    }
    shorter = {call_signed(copied, nonce=part).full_text for part in (nonce[:-1], nonce[1:])}

    assert len(explanations) == 1
    assert len(shorter) == 1


@pytest.mark.parametrize("hashed", HASHED)
@pytest.mark.parametrize("change", [str, lambda token: token[1:]])
def test_a_signature_of_a_wrong_script_confirms_no_guessed_character(
    db: None, change: Callable[[str], str], hashed: str
) -> None:
    make_account("city-mall", LAST)
    text = HASHED[hashed](sorted([change(LAST), TIMESTAMP, LATE]))
    copied = hashlib.sha1(text.encode()).hexdigest()
    nonces = [
        longer
        for guess in (LAST[0], change(LAST)[0], "x")
        for longer in (f"{LATE}{guess}", f"{guess}{LATE}", f"{LATE},{guess}", f"{guess},{LATE}")
    ]

    assert len({call_signed(copied, nonce=nonce).full_text for nonce in nonces}) == 1


def test_two_guessed_characters_are_not_confirmed_either(db: None) -> None:
    make_account("city-mall", LAST)
    copied = signature(LAST, TIMESTAMP, LATE)
    nonces = [f"{LATE}{LAST[:2]}", f"{LATE}{LAST[0]}x", f"{LATE}{LAST[:8]}", f"{LATE}xyz"]

    assert len({call_signed(copied, nonce=nonce).full_text for nonce in nonces}) == 1


@pytest.mark.parametrize("signed_with", SIGNED_WITH)
@pytest.mark.parametrize("token", [FIRST, LAST])
def test_a_copied_msg_signature_confirms_no_guessed_character(
    db: None, token: str, signed_with: str
) -> None:
    """Someone moves a guessed character between WeCom's echostr and the token."""
    make_wecom_app("shop", token)
    text = SIGNED_WITH[signed_with](token)
    # Without a character that the search would take for one that was changed on the way.
    echostr = "JB8x1pGk0aQmZ7cT5dYw"
    copied = sha1("".join(sorted([text, TIMESTAMP, LATE, echostr])))
    around = {token[0], token[-1], text[0], text[-1], *"05afkvRG8"}
    guesses = [letter for letter in sorted(around) if letter.isascii() and letter.isalnum()]
    explanations = {
        check(
            f"msg_signature={copied}&timestamp={TIMESTAMP}&nonce={LATE}&echostr={longer}"
        ).full_text
        for guess in guesses
        for longer in (f"{echostr}{guess}", f"{guess}{echostr}")
    }

    assert len(explanations) == 1
