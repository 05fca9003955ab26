"""A mangled query string and another digest are told by their shape, never taken for a bot."""

from __future__ import annotations

import hashlib
import time
from base64 import b64encode
from collections.abc import Callable
from urllib.parse import quote

import pytest

from verification.protocol.shapes import Shape, shape_of_query, shape_of_signature
from verification.tests.support.company import MALL, NONCE, TIMESTAMP, call, found_company
from verification.tests.support.signer import signature, verification

RIGHT = verification(MALL)
SIGNATURE = signature(MALL, TIMESTAMP, NONCE)
JOINED = "".join(sorted([MALL, TIMESTAMP, NONCE])).encode()


@pytest.fixture(autouse=True)
def company(db: None) -> None:
    found_company()


@pytest.mark.parametrize(
    ("query", "words"),
    [
        (RIGHT.replace("&", "&amp;"), "&amp; instead of &"),
        (RIGHT.replace("&timestamp", "%C3%97tamp"), "“×tamp” instead of “&timestamp”"),
        (RIGHT.replace("&timestamp", "&times;tamp"), "“×tamp” instead of “&timestamp”"),
        (f"from=menu?{RIGHT}", "a second “?”"),
        (f"?{RIGHT}", "a second “?”"),
        (quote(RIGHT), "percent-encoded"),
        (RIGHT.replace(SIGNATURE, f"%25{SIGNATURE}"), "percent-encoded"),
        (RIGHT.replace("&", "\\u0026"), "\\u0026 instead of &"),
        (RIGHT.replace("&", "\\&"), "\\& or"),
        (RIGHT.replace("&", ";"), "another sign than &"),
        (RIGHT.replace("&", ","), "another sign than &"),
        (RIGHT.replace("&", "^&"), "another sign than &"),
        (RIGHT.replace("=", ":"), "not as name=value"),
        (RIGHT.replace("&", "%0A"), "another sign than &"),
        (quote(f'{{"signature": "{SIGNATURE}"}}'), "JSON"),
        (RIGHT.replace("=", "[]="), "an array"),
        ("signature={signature}&timestamp={timestamp}&nonce=1&echostr=2", "placeholder"),
        (RIGHT.replace(SIGNATURE, "undefined"), "placeholder"),
        (RIGHT.replace("signature", "Signature"), "another name than WeChat's"),
        (RIGHT.replace("signature", "sign"), "another name than WeChat's"),
        (RIGHT.replace("echostr", "echo_str"), "another name than WeChat's"),
        (RIGHT.replace("nonce", "nonceStr"), "another name than WeChat's"),
        (RIGHT.replace("=", "=3D"), "began with 3D"),
        (RIGHT.replace(SIGNATURE, "[FILTERED]"), "a mask, such as [FILTERED]"),
        (RIGHT.replace(SIGNATURE, "%3Credacted%3E"), "a mask, such as [FILTERED]"),
        (RIGHT.replace(SIGNATURE, f"{SIGNATURE[:4]}****{SIGNATURE[-4:]}"), "a mask, such as"),
        (RIGHT + quote("。"), "ended with Chinese punctuation"),
        (RIGHT.replace("&timestamp", f"{quote('，')}&timestamp"), "Chinese punctuation"),
        (RIGHT + quote("）"), "Chinese punctuation"),
        (RIGHT.replace("&", quote("＆")), "another sign than &"),
    ],
)
def test_a_mangled_query_is_told_by_its_shape(query: str, words: str) -> None:
    explanation = call(query=query)

    assert explanation.cause == "query_mangled"
    assert words in explanation.what_happened
    assert not explanation.is_harmless


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (hashlib.sha256(JOINED).hexdigest(), "SHA-256"),
        (hashlib.sha512(JOINED).hexdigest(), "SHA-512"),
        (hashlib.sha224(JOINED).hexdigest(), "SHA-224"),
        (":".join(SIGNATURE[at : at + 2] for at in range(0, 40, 2)), "a separator"),
        (hashlib.sha384(JOINED).hexdigest().upper(), "SHA-384"),
        (hashlib.md5(JOINED).hexdigest(), "MD5"),
        (SIGNATURE.upper(), "capital letters"),
        (quote(b64encode(bytes.fromhex(SIGNATURE)).decode()), "base64"),
        (quote(b64encode(hashlib.sha256(JOINED).digest()).decode()), "base64"),
        (f"{SIGNATURE}%0A", "a line break"),
        (f"{SIGNATURE[:20]}+{SIGNATURE[20:]}", "a space"),
        (f"%22{SIGNATURE}%22", "quotation marks"),
        (f"b%27{SIGNATURE}%27", "quotation marks"),
        (f"sha1={SIGNATURE}", "other text around it"),
        (f"(stdin)=%20{SIGNATURE}", "other text around it"),
        (f"{SIGNATURE}%20%20-", "a space"),
        (f"0x{SIGNATURE}", "other text around it"),
        (SIGNATURE * 2, "twice"),
        (SIGNATURE[:-3], "Either it was cut off, or the URL was"),
        (SIGNATURE[1:], "39 digits in place of 40: a leading zero was lost"),
        (hashlib.sha256(JOINED).hexdigest(), "SHA-256 or SM3"),
        ("", "empty"),
    ],
)
def test_a_malformed_signature_is_told_by_its_length_and_letters(value: str, words: str) -> None:
    explanation = call(query=RIGHT.replace(SIGNATURE, value))

    assert explanation.cause == "signature_malformed"
    assert words in explanation.what_happened
    assert not explanation.is_harmless


@pytest.mark.parametrize(
    "query",
    [
        "signature=1&timestamp=1&nonce=1&echostr=%3Cscript%3Ealert(1)%3C/script%3E",
        RIGHT.replace(SIGNATURE, SIGNATURE[:-1]),
        RIGHT.replace("timestamp=", "timestamp=x"),
        RIGHT.replace("&", "&amp;"),
    ],
)
def test_a_malformed_request_to_an_address_of_nobody_is_told_both(query: str) -> None:
    explanation = call("/wechat/index.php", query)

    assert "No account has the address “/wechat/index.php”." in explanation.what_happened
    assert "No account" not in call(query=query).what_happened


@pytest.mark.parametrize("sign", ["&", "%3F"])
def test_parameters_in_the_path_are_named(sign: str) -> None:
    explanation = call(f"/wechat/city-mall{sign}{RIGHT}")

    assert explanation.cause == "path_with_parameters"
    assert "/wechat/city-mall" in explanation.what_happened


@pytest.mark.parametrize(
    ("query", "here", "lost"),
    [
        (f"signature={SIGNATURE}", "signature", "timestamp, nonce, echostr"),
        (RIGHT.partition("&")[2], "echostr, timestamp, nonce", "signature"),
        ("echostr=4375120948345356249", "echostr", "signature, timestamp, nonce"),
        (RIGHT.rpartition("&")[0], "signature, timestamp, nonce", "echostr"),
    ],
)
def test_some_of_the_parameters_are_no_bot(query: str, here: str, lost: str) -> None:
    explanation = call(query=query)

    assert explanation.what_happened.startswith(f"Only {here} arrived, without {lost}.")
    is_alone = "," not in here
    assert ("put the URL in quotation marks" in explanation.what_to_do) is is_alone
    assert ("only the first parameter arrives" in explanation.what_to_do) is is_alone
    assert (
        "it may have been cut off: copy it to its end" in explanation.what_to_do
    ) is not is_alone
    assert not explanation.is_harmless


def test_no_advice_begins_with_a_capital_after_a_colon() -> None:
    explanation = call(query=RIGHT.replace(SIGNATURE, SIGNATURE.upper()), agent="curl/8.5.0")

    assert explanation.what_to_do.startswith(
        "If a script or tool of yours sent it, let it send the SHA-1 as 40 hexadecimal digits"
    )


def test_a_wrong_token_is_told_even_where_the_echostr_is_missing() -> None:
    query = verification(MALL[:-1]).rpartition("&")[0]

    assert "“City Mall”, but with characters missing" in call(query=query).what_happened


def test_a_message_that_a_redirect_turned_into_a_get_is_named() -> None:
    without_echostr = RIGHT.rpartition("&")[0]

    assert "a redirect has turned its POST into a GET" in call(query=without_echostr).what_to_do
    assert "redirect" not in call(query=f"signature={SIGNATURE}").what_to_do


def test_a_lost_query_string_with_wechats_user_agent_is_not_taken_for_a_bot() -> None:
    explanation = call(agent="Mozilla/4.0")

    assert "removed the query string" in explanation.what_happened
    assert not explanation.is_harmless
    assert call(agent="curl/8.4.0").is_harmless


def test_a_query_that_was_copied_from_a_log_is_named() -> None:
    explanation = call(query=f"{RIGHT}&{verification(MALL, nonce='99')}", agent="Mozilla/4.0")

    assert explanation.cause == "parameter_repeated"
    assert "must end with the slug" in explanation.what_to_do


@pytest.mark.parametrize("shape", Shape)
def test_a_shape_fits_its_column_beside_every_name(shape: Shape) -> None:
    assert len(f"timestamp {shape}") <= 32


LONG: list[Callable[[str], str]] = [
    lambda letter: letter * 32_000,
    lambda letter: f"signature={letter * 32_000}",
    lambda letter: f"{letter}=&" * 10_000,
]


@pytest.mark.parametrize("make", LONG)
@pytest.mark.parametrize("letter", ["{", "%7B", "a", "?", "&", "\\", "%25", "0", "+"])
def test_no_query_takes_long(letter: str, make: Callable[[str], str]) -> None:
    query = make(letter)[:32_000].encode()
    started = time.process_time()
    shape_of_query(query)
    shape_of_signature(query)

    assert time.process_time() - started < 0.02
