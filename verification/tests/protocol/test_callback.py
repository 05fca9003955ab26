from __future__ import annotations

import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verification.models import VerificationAttempt
from verification.protocol.callback import MAX_INTEGER, Callback, parse_callback
from verification.protocol.client_ip import canonical_ip, parse_client_ip
from verification.protocol.enums import Kind, Mark, Method, Outcome, Reason
from verification.protocol.errors import MalformedParameter
from verification.protocol.request import KNOWN_HEADERS, MAX_QUERY_LENGTH, Request, clean, path_slug
from verification.tests.support.signer import push, self_test_nonce, verification

KEY = b"the key of self-tests"
ANY_BYTES = st.binary(max_size=300)
ANY_HEADERS = st.dictionaries(
    st.sampled_from(sorted(KNOWN_HEADERS)),
    st.text(st.characters(max_codepoint=255), max_size=300),
)


def request(path: bytes = b"/wechat/brand-a", query: bytes = b"", **rest: Any) -> Request:
    fields = {"method": "GET", "headers": {}, "peer": "10.0.0.1", "scheme": "http"}
    return Request(path=path, query=query, **{**fields, "http_version": "1.1", **rest})


def parse(query: str | bytes = b"", **rest: Any) -> Callback:
    raw = query.encode() if isinstance(query, str) else query
    return parse_callback(request(query=raw, **rest), "brand-a", 1, KEY)


def longest(name: str) -> int:
    field: Any = VerificationAttempt._meta.get_field(name)
    return int(field.max_length)


@pytest.mark.parametrize(
    ("method", "path", "query", "slug"),
    [
        ("GET", b"/wechat/brand-a", b"", "brand-a"),
        ("GET", b"/wechat/brand-a/", b"", "brand-a"),
        ("GET", b"/wechat/brand-a//", b"", "brand-a/"),
        ("GET", b"/wechat", b"", "/"),
        ("GET", b"/wechat/", b"", "/"),
        ("GET", b"/wechat//", b"", "/"),
        ("GET", b"/wechat//brand-a", b"", "/wechat//brand-a"),
        ("GET", b"//wechat/brand-a", b"", "//wechat/brand-a"),
        ("GET", b"/WeChat/brand-a", b"", "/WeChat/brand-a"),
        ("GET", b"/WECHAT", b"", "/WECHAT"),
        ("GET", b"/brand-a", b"signature=1&timestamp=1&nonce=1", "/brand-a"),
        ("POST", b"/weixin.php", b"msg_signature=1&timestamp=1&nonce=1", "/weixin.php"),
        ("GET", b"/wechatter", b"", None),
        ("GET", b"/brand-a", b"signature=1&timestamp=1", None),
        ("GET", b"/admin/", b"signature=1", None),
        ("GET", b"/", b"", None),
        ("GET", b"/", b"utm_source=x&timestamp=1", None),
        ("GET", b"/", b"signature=", ""),
        ("GET", b"/", b"msg_signature=1", ""),
        ("GET", b"/", b"a=1&echostr=1", ""),
        ("GET", b"/", b"%73ignature=1", ""),
        ("HEAD", b"/", b"echostr=1", ""),
        ("POST", b"/", b"", ""),
        ("PUT", b"/", b"", None),
    ],
)
def test_which_requests_are_callbacks(
    method: str, path: bytes, query: bytes, slug: str | None
) -> None:
    assert path_slug(request(path, query, method=method)) == slug


@given(ANY_BYTES, ANY_BYTES, ANY_HEADERS, st.sampled_from(["GET", "POST", "BREW", ""]))
def test_every_request_fits_the_columns(
    path: bytes, query: bytes, headers: dict[str, str], method: str
) -> None:
    raw = request(b"/wechat/" + path, query, headers=headers, method=method)
    callback = parse_callback(raw, path_slug(raw) or "", 1, KEY)

    for name in ("path_slug", "timestamp", "nonce", "echostr", "user_agent", "host"):
        text = getattr(callback, name)
        assert text.isascii()
        assert text.isprintable()
        assert len(text) <= longest(name)
    assert callback.signature is None or len(callback.signature) == 20
    assert len(callback.error.detail if callback.error else "") <= 32
    assert abs(callback.clock_skew or 0) <= MAX_INTEGER


@given(st.binary(min_size=1, max_size=80))
def test_a_whole_path_is_never_a_slug(raw: bytes) -> None:
    query = b"signature=1&timestamp=1&nonce=1"
    slug = path_slug(request(b"/" + raw, query)) or ""

    assert slug.startswith("/") or raw.lower().startswith(b"wechat") or raw == b""


@given(st.binary(min_size=1, max_size=80).filter(lambda raw: b"/" not in raw))
def test_a_cleaned_slug_is_never_valid(raw: bytes) -> None:
    slug = path_slug(request(b"/wechat/" + raw))

    is_clean = set(slug or "") <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert not is_clean or slug == raw.decode("ascii")


def test_a_query_string_over_the_limit_is_refused_unread() -> None:
    callback = parse(verification("token") + "&" + "x" * MAX_QUERY_LENGTH)

    assert isinstance(callback.error, MalformedParameter)
    assert callback.error.detail == "query"


def test_a_push_needs_no_echostr() -> None:
    assert parse(push("token"), method="POST").error is None
    assert parse(push("token"), method="POST").kind is Kind.MESSAGE_PUSH


OWN = self_test_nonce(key=KEY)


def test_a_get_and_a_post_with_a_proof_are_self_tests() -> None:
    query = verification("token", nonce=OWN)

    assert parse(query).kind is Kind.SELF_TEST
    test_message = push("token", nonce=self_test_nonce(key=KEY, body=b"<xml/>"))
    assert parse(test_message, method="POST", body=b"<xml/>").kind is Kind.SELF_TEST
    assert parse(test_message, method="POST", body=b"<xml></xml>").kind is Kind.MESSAGE_PUSH
    assert parse(push("token", nonce=OWN), method="POST", body=b"a").kind is Kind.MESSAGE_PUSH
    assert parse(query, method="HEAD").kind is Kind.URL_VERIFICATION


@pytest.mark.parametrize(
    "nonce",
    [
        "1514711492",
        "0" * 32,
        self_test_nonce(key=b"another key"),
        self_test_nonce(key=KEY, timestamp="1714036505"),
        OWN.upper(),
        OWN[:-1],
        OWN + "0",
        "0" + OWN[1:],
        OWN[:-1] + ("0" if OWN[-1] != "0" else "1"),
    ],
)
def test_an_invalid_proof_is_ignored(nonce: str) -> None:
    callback = parse(verification("token", nonce=nonce))

    assert (callback.kind, callback.error) == (Kind.URL_VERIFICATION, None)


def test_a_plus_is_not_decoded_to_a_space() -> None:
    assert parse(verification("token") + "&x=1").echostr == "4375120948345356249"
    assert parse("echostr=a+b%2Bc").echostr == "a+b+c"


@pytest.mark.parametrize(
    ("raw", "text"), [(b"abc", "abc"), (b"abcdef", "abcd~"), (b"a\0\xff", "a??")]
)
def test_values_are_cleaned_and_cut(raw: bytes, text: str) -> None:
    assert clean(raw, 5) == text


@pytest.mark.parametrize(
    ("timestamp", "skew"), [("99999999999999999999", -MAX_INTEGER), ("0", None), ("x", None)]
)
def test_the_clock_difference_is_bounded(timestamp: str, skew: int | None) -> None:
    difference = parse(f"timestamp={timestamp}").clock_skew

    assert difference == skew or (timestamp == "0" and (difference or 0) > 1_700_000_000)


def test_missing_values_are_empty() -> None:
    callback = parse("", method="BREW")

    assert (callback.timestamp, callback.nonce, callback.echostr) == ("", "", "")
    assert (callback.user_agent, callback.host, callback.signature) == ("", "", None)
    assert (callback.method, callback.kind) == (Method.OTHER, Kind.URL_VERIFICATION)


@pytest.mark.parametrize(("name", "limit"), [("timestamp", 20), ("nonce", 128), ("echostr", 256)])
def test_a_parameter_is_cut_where_its_column_ends(name: str, limit: int) -> None:
    assert getattr(parse(f"{name}={'1' * limit}"), name) == "1" * limit
    assert getattr(parse(f"{name}={'1' * (limit + 1)}"), name) == "1" * (limit - 1) + "~"


@pytest.mark.parametrize(
    ("header", "name", "limit"), [("user-agent", "user_agent", 200), ("host", "host", 100)]
)
def test_a_header_is_cut_where_its_column_ends(header: str, name: str, limit: int) -> None:
    assert getattr(parse(headers={header: "x" * limit}), name) == "x" * limit
    assert getattr(parse(headers={header: "x" * (limit + 1)}), name) == "x" * (limit - 1) + "~"


def test_a_signature_with_an_empty_token_is_recognized() -> None:
    of_nothing = hashlib.sha1(b"").hexdigest()

    assert parse(verification("")).is_signed_with_empty_token
    assert parse(f"signature={of_nothing}&timestamp=1&nonce=2").is_signed_with_empty_token
    assert not parse(verification("token")).is_signed_with_empty_token
    assert not parse("timestamp=1&nonce=2").is_signed_with_empty_token


def test_marks_say_how_a_request_came() -> None:
    marks = parse(
        "msg_signature=1&encrypt_type=aes",
        http_version="1.0",
        headers={"x-forwarded-proto": "https"},
    ).marks

    assert marks == Mark.HTTPS | Mark.HTTP_1_0 | Mark.MSG_SIGNATURE | Mark.ENCRYPTED
    assert parse(headers={"x-forwarded-proto": "https,http"}).marks == Mark(0)


def test_an_invalid_request_id_is_replaced() -> None:
    given_id = "5d0c2f1e-8f4a-4c67-9d1c-0a2b3c4d5e6f"

    assert str(parse(headers={"x-request-id": given_id}).request_id) == given_id
    first, second = (parse(headers={"x-request-id": "'; --"}).request_id for _ in range(2))
    assert first != second


@pytest.mark.parametrize(
    ("forwarded", "count", "address"),
    [
        ("6.6.6.6, 81.69.103.129", 0, "10.0.0.1"),
        ("6.6.6.6, 81.69.103.129", 1, "81.69.103.129"),
        ("6.6.6.6,81.69.103.129", 2, "6.6.6.6"),
        ("81.69.103.129", 2, "10.0.0.1"),
        ("", 1, "10.0.0.1"),
        ("6.6.6.6, nonsense", 1, None),
        ("2001:DB8:0:0::1", 1, "2001:db8::1"),
        ("::ffff:81.69.103.129", 1, "81.69.103.129"),
        ("::ffff:5145:6781", 1, "81.69.103.129"),
        ("fe80::1%eth0", 1, None),
        ("::1.2.3.4", 1, None),
        ("::1", 1, "::1"),
        ("6.6.6.6, 1.2.3.4:5678", 1, "1.2.3.4"),
        ("1.2.3.4:5678, 10.0.0.9:80", 2, "1.2.3.4"),
        ("[2001:DB8::1]:5678", 1, "2001:db8::1"),
        ("[2001:db8::1]", 1, "2001:db8::1"),
        ("[::ffff:1.2.3.4]:5678", 1, "1.2.3.4"),
        ("2001:db8::1:5678", 1, "2001:db8::1:5678"),  # an address in itself
        ("1.2.3.4:", 1, None),
        ("1.2.3.4:port", 1, None),
        ("[1.2.3.4", 1, None),
        ("[" + "1" * 10_000 + "]", 1, None),
        ("１.2.3.4", 1, None),
    ],
)
def test_the_client_ip_is_the_address_that_the_outermost_trusted_proxy_saw(
    forwarded: str, count: int, address: str | None
) -> None:
    assert parse_client_ip("10.0.0.1", forwarded, count) == address


@given(st.ip_addresses())
def test_an_address_has_one_spelling(address: object) -> None:
    spelling = canonical_ip(str(address))

    assert spelling is None or canonical_ip(spelling) == spelling


def test_labels_are_spelled_as_in_the_exports() -> None:
    assert Kind.URL_VERIFICATION.label == "url_verification"
    assert Reason.SIGNATURE_MISMATCH.label == "signature_mismatch"
    assert Outcome.REFUSED.label == "refused"
    assert Method.GET.label == "GET"


def test_a_request_does_not_show_its_query_string_or_body() -> None:
    assert "hunter2" not in repr(request(query=b"signature=hunter2", body=b"hunter2"))
