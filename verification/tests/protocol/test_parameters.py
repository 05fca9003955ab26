"""Parse requests with missing, repeated and malformed parameters, and with proxy headers."""

from __future__ import annotations

from typing import Any

import pytest

from verification.protocol.callback import Callback, parse_callback
from verification.protocol.enums import Mark, Reason
from verification.protocol.request import MAX_QUERY_LENGTH, Request, path_slug
from verification.tests.support.signer import push, verification

GET = ["signature", "timestamp", "nonce", "echostr"]


def to(path: bytes, query: bytes = b"", **rest: Any) -> Request:
    fields: dict[str, Any] = {"method": "GET", "headers": {}, "scheme": "http", **rest}
    return Request(path=path, query=query, peer="10.0.0.1", http_version="1.1", **fields)


def parse(query: str = "", *, proxies: int = 0, **rest: Any) -> Callback:
    request = to(b"/wechat/brand-a", query.encode(), **rest)
    return parse_callback(request, "brand-a", proxies, b"key")


def error_of(query: str, **rest: Any) -> tuple[Reason, str] | None:
    error = parse(query, **rest).error
    return (error.reason, error.detail) if error else None


def without(name: str) -> str:
    pairs = verification("token").split("&")
    return "&".join(pair for pair in pairs if not pair.startswith(f"{name}="))


@pytest.mark.parametrize("name", GET)
def test_a_missing_parameter_is_named(name: str) -> None:
    assert error_of(without(name)) == (Reason.MISSING_PARAMETER, name)


@pytest.mark.parametrize("name", GET)
@pytest.mark.parametrize("more", [1, 2])
def test_a_repeated_parameter_is_named(name: str, more: int) -> None:
    query = verification("token") + f"&{name}=1" * more

    assert error_of(query) == (Reason.REPEATED_PARAMETER, name)


@pytest.mark.parametrize("name", GET)
def test_a_malformed_parameter_is_named(name: str) -> None:
    assert error_of(f"{without(name)}&{name}=%00") == (Reason.MALFORMED_PARAMETER, name)


def test_the_longest_query_that_is_read_is_32_kilobytes() -> None:
    query = verification("token") + "&x="
    longest = query + "x" * (MAX_QUERY_LENGTH - len(query))

    assert error_of(longest) is None
    assert parse(longest).timestamp == "1714036504"
    assert error_of(f"{longest}x") == (Reason.MALFORMED_PARAMETER, "query")
    assert parse(f"{longest}x").timestamp == ""
    assert path_slug(to(b"/", b"x" * MAX_QUERY_LENGTH)) is None
    assert path_slug(to(b"/", b"x" * (MAX_QUERY_LENGTH + 1))) == ""


def test_a_value_begins_after_the_first_equals_sign() -> None:
    assert parse("echostr=a=b==").echostr == "a=b=="


def test_a_slug_is_cut_where_its_column_ends() -> None:
    assert path_slug(to(b"/wechat/" + b"a" * 40)) == "a" * 40
    assert path_slug(to(b"/wechat/" + b"a" * 41)) == "a" * 39 + "~"


def test_a_push_may_repeat_a_parameter_that_only_a_verification_requires() -> None:
    assert error_of(push("token") + "&echostr=1&echostr=%00", method="POST") is None


def test_forwarded_for_is_used_only_with_a_trusted_proxy() -> None:
    headers = {"x-forwarded-for": "81.69.103.129"}

    assert parse(headers=headers).client_ip == "10.0.0.1"
    assert parse(headers=headers, proxies=1).client_ip == "81.69.103.129"
    assert parse(proxies=1).client_ip == "10.0.0.1"


def test_forwarded_proto_is_used_only_with_a_trusted_proxy() -> None:
    headers = {"x-forwarded-proto": "https"}

    assert Mark.HTTPS not in parse(headers=headers).marks
    assert Mark.HTTPS in parse(headers=headers, proxies=1).marks
    assert Mark.HTTPS in parse(headers={"x-forwarded-proto": "http, https"}, proxies=1).marks
    assert Mark.HTTPS in parse(scheme="https").marks
    assert Mark.HTTPS in parse(scheme="https", proxies=1).marks
