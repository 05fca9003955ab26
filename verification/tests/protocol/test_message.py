from __future__ import annotations

import json
import traceback
from time import perf_counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verification.protocol.message import MalformedMessage, Message, parse_message, parse_push

TEXT = """<xml>
  <ToUserName><![CDATA[gh_97417a04a28d]]></ToUserName>
  <FromUserName><![CDATA[o9AgO5Kd5ggOC-bXrbNODIiE3bGY]]></FromUserName>
  <CreateTime>1714112445</CreateTime>
  <MsgType><![CDATA[text]]></MsgType>
  <Content><![CDATA[你好 <b>]]></Content>
  <MsgId>23456789012345678</MsgId>
</xml>""".encode()
PARSED = Message(
    to_user="gh_97417a04a28d",
    from_user="o9AgO5Kd5ggOC-bXrbNODIiE3bGY",
    create_time="1714112445",
    msg_type="text",
    msg_id="23456789012345678",
)
MEGABYTE = 1 << 20


def assert_malformed(body: bytes) -> None:
    with pytest.raises(MalformedMessage) as malformed:
        parse_message(body)
    text = "".join(traceback.format_exception(malformed.value))
    assert "Brand A's secret" not in text
    # Error reporters show the context of an exception, and json's contains the body.
    assert malformed.value.__context__ is None or malformed.value.__suppress_context__


def test_a_text_message_in_xml_is_parsed() -> None:
    assert parse_message(TEXT) == PARSED


def test_the_same_message_in_json_is_parsed() -> None:
    """A Mini Program may get JSON. Its MsgId is a number over 2**53."""
    body = json.dumps(
        {
            "ToUserName": "gh_97417a04a28d",
            "FromUserName": "o9AgO5Kd5ggOC-bXrbNODIiE3bGY",
            "CreateTime": 1714112445,
            "MsgType": "text",
            "Content": "你好",
            "MsgId": 23456789012345678,
        }
    )
    assert parse_message(body.encode()) == PARSED


def test_control_characters_in_a_text_of_wechat_are_passed_over() -> None:
    body = TEXT.replace(b"<b>", bytes(range(32)))

    assert parse_push(body) == PARSED
    assert_malformed(body)  # as a reply, WeChat would refuse it


@pytest.mark.parametrize(
    "prefix",
    [
        b"<!-- -\x01-><!DOCTYPE xml []><!-- -->",
        b"<?a ?\x01><!DOCTYPE xml []><?a?>",
        b"<!DOC\x01TYPE xml []>",
        b"<\x00!DOCTYPE xml []>",
    ],
)
def test_control_characters_hide_no_dtd(prefix: bytes) -> None:
    with pytest.raises(MalformedMessage):
        parse_push(prefix + TEXT)


def test_an_event_has_no_msg_id() -> None:
    body = (
        b"<xml><MsgType>event</MsgType><Event>TEMPLATESENDJOBFINISH</Event><MsgID>7</MsgID></xml>"
    )
    assert parse_message(body) == Message(msg_type="event", event="TEMPLATESENDJOBFINISH")


@pytest.mark.parametrize(
    "body", [b"<xml><Encrypt>RgqEoJj5+/=</Encrypt></xml>", b'{"Encrypt": "RgqEoJj5+/="}']
)
def test_an_encrypted_message_is_parsed(body: bytes) -> None:
    assert parse_message(body) == Message(encrypt="RgqEoJj5+/=")


@pytest.mark.parametrize("body", [b"<xml/>", b"{}", b'{"Event": null}', b"<xml><Event/></xml>"])
def test_fields_that_are_absent_are_empty(body: bytes) -> None:
    assert parse_message(body) == Message()


@pytest.mark.parametrize(
    "body",
    [
        b"<xml><Event>a&amp;b</Event></xml>",
        b"<xml><Event>a<![CDATA[&]]>b</Event></xml>",
        b"<xml><Event>a<!-- Brand B -->&#38;b</Event></xml>",
        b"\r\n\t <xml>\n<Event>\n a&amp;b\n</Event>\n</xml>\n",
        b'<?xml version="1.0"?><xml><Event>a&amp;b</Event></xml>',
        b'<?xml version="1.0" encoding="UTF-8"?><xml><Event>a&amp;b</Event></xml>',
        b'<xml><Event id="1">a&amp;b</Event></xml>',
        b' {"Event": " a&b "}',
        b'{"Event": "a\\u0026b", "List": [{"Event": "x"}, 1.5, true, null, {}]}',
    ],
)
def test_every_spelling_of_a_value_is_understood(body: bytes) -> None:
    assert parse_message(body) == Message(event="a&b")


@pytest.mark.parametrize(
    "body",
    [
        b"<xml><Info><FromUserName>Boss Li</FromUserName></Info></xml>",
        b"<xml><List><Event>a</Event></List><List><Event>b</Event></List></xml>",
        b'{"Info": {"FromUserName": "Boss Li"}, "List": [{"Event": "a"}, {"Event": "b"}]}',
        b"<xml><event>a</event><EventKey>b</EventKey><xml><Event>c</Event></xml></xml>",
    ],
)
def test_only_children_of_the_root_are_fields(body: bytes) -> None:
    assert parse_message(body) == Message()


@pytest.mark.parametrize(
    "body",
    [
        b"<xml><FromUserName>a</FromUserName><FromUserName>b</FromUserName></xml>",
        b"<xml><FromUserName>a</FromUserName><FromUserName>a</FromUserName></xml>",
        b"<xml><Encrypt/><Encrypt>b</Encrypt></xml>",
        b'{"Encrypt": "a", "Encrypt": "b"}',
    ],
)
def test_a_repeated_field_is_refused_because_backends_take_different_ones(body: bytes) -> None:
    assert_malformed(body)


SECRET = b"Brand A's secret"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" \n",
        b"success",
        SECRET,
        b"[]",
        b'"<xml/>"',
        b"1",
        b"null",
        b"<",
        b"{",
        b"<xml>" + SECRET,
        b"<xml>" + SECRET + b"</xml><xml/>",
        b"<xml/>" + SECRET,
        b"<html><body>" + SECRET + b"</body></html>",
        b"<XML/>",
        b'<xml xmlns="https://example.cn/"/>',
        b"<a:xml/>",
        b'<xml><a:Encrypt xmlns:a="https://example.cn/">QUJD</a:Encrypt></xml>',
        b'<xml><Encrypt xmlns="https://example.cn/">QUJD</Encrypt></xml>',
        b"<xml><Event>a<b/></Event></xml>",
        b"<xml><Event>" + SECRET + b"\x00</Event></xml>",
        b"<xml><Event>\xff" + SECRET + b"</Event></xml>",
        "<xml><Event>关注</Event></xml>".encode(),
        b"<xml><Event>&#10;a&#10;b</Event></xml>",
        b"\xef\xbb\xbf<xml/>",
        b"\xef\xbb\xbf{}",
        "<xml/>".encode("utf-16"),
        "{}".encode("utf-16-le"),
        "{}".encode("utf-32-le"),
        b'<?xml version="1.0" encoding="GBK"?><xml/>',
        b'<?xml version="1.0" encoding="UTF-16"?><xml/>',
        b'<?xml version="1.0" encoding="Brand A\'s secret"?><xml/>',
        b"<!DOCTYPE xml><xml/>",
        b'<!DOCTYPE xml SYSTEM "http://169.254.169.254/"><xml/>',
        b'<!DOCTYPE xml [<!ENTITY a "Brand A\'s secret">]><xml><Event>&a;</Event></xml>',
        b'<!DOCTYPE xml [<!ENTITY a SYSTEM "file:///etc/passwd">]><xml><Event>&a;</Event></xml>',
        b"<xml><Event>&undefined;</Event></xml>",
        b"<xml>&undefined;</xml>",
        b"<xml><Event>" + b"a" * 129 + b"</Event></xml>",
        b'{"Event": "%s"}' % (b"a" * 129),
        b'{"Event": ["a"]}',
        b'{"Event": {"a": "b"}}',
        b'{"Event": true}',
        b'{"MsgId": 1.5}',
        b'{"MsgId": 1e400}',
        b'{"MsgId": NaN}',
        b'{"List": [Infinity]}',
        b'{"MsgId": %s}' % (b"9" * 5000),
        b'{"Event": "a\\u0000b"}',
        b'{"Event": "\\ud800"}',
        b'{"Event": "\xff"}',
        b'{"Event": "%s"' % SECRET,
        b'{"Event": "a"} {}',
        b"{'Event': 'a'}",
        b'{"Event": "a",}',
    ],
    ids=repr,
)
def test_a_malformed_body_is_refused_and_nothing_of_it_is_said(body: bytes) -> None:
    assert_malformed(body)


def test_a_bomb_of_entities_is_refused_before_it_grows() -> None:
    entities = b"".join(
        b'<!ENTITY e%d "%s">' % (number, b"&e%d;" % (number - 1) * 10) for number in range(1, 10)
    )
    assert_malformed(
        b'<!DOCTYPE xml [<!ENTITY e0 "ha">' + entities + b"]><xml><Event>&e9;</Event></xml>"
    )


@pytest.mark.parametrize(
    "body",
    [
        b"<xml>" + b"<a>" * (MEGABYTE // 3),
        b"<xml>" + b"<a/>" * (MEGABYTE // 4) + b"</xml>",
        b'{"a": ' + b"[" * MEGABYTE,
        b'{"a": ' * (MEGABYTE // 6),
        b'{"MsgId": ' + b"9" * MEGABYTE + b"}",
        b"<xml " + b" ".join(b'a%x=""' % number for number in range(MEGABYTE // 10)) + b"/>",
        b"<xml><Content>" + b"\n" * MEGABYTE + b"</Content></xml>",
        b'{"a": [' + b"1.5," * (MEGABYTE // 4) + b"1]}",
        b"{" + b",".join(b'"%x":1' % number for number in range(MEGABYTE // 10)) + b"}",
    ],
    ids=[
        *("deep XML", "many elements", "deep JSON", "deep objects", "long number"),
        *("many attributes", "many lines", "long array", "many members"),
    ],
)
def test_a_megabyte_of_nesting_is_refused_in_a_moment(body: bytes) -> None:
    started = perf_counter()

    assert_malformed(body)
    assert perf_counter() - started < 1


@pytest.mark.parametrize(
    "body",
    [
        b'<xml a="' + b"x" * MEGABYTE + b'"/>',
        b"<xml>" + b"<!---->" * (MEGABYTE // 7) + b"</xml>",
        b"<xml>" + b"<![CDATA[]]>" * (MEGABYTE // 12) + b"</xml>",
    ],
    ids=["long attribute", "comments", "CDATA"],
)
def test_a_megabyte_of_what_is_ignored_takes_a_moment(body: bytes) -> None:
    started = perf_counter()

    assert parse_message(body) == Message()
    assert perf_counter() - started < 2


def test_an_encrypted_message_may_fill_the_whole_body() -> None:
    encrypt = "A" * 1_000_000
    assert parse_message(b"<xml><Encrypt>%s</Encrypt></xml>" % encrypt.encode()).encrypt == encrypt


def test_who_wrote_to_whom_is_not_in_the_repr() -> None:
    assert repr(PARSED) == "Message(msg_type='text', event='')"


names = st.sampled_from(["Event", "MsgId", "Encrypt", "xml", "a", "é"])
scalars = st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=9)
values = scalars | st.lists(scalars, max_size=3) | st.dictionaries(names, scalars, max_size=3)
markup = rb"<xml> </xml> <Event> </Event> <![CDATA[ ]]> &amp; &#0; <? <!-- --> <!DOCTYPE ]> a"
json_pieces = [b"{", b"}", b'"Event":', b'"', b"\\ud800", b"\x00", b"\xef\xbb\xbf"]
pieces = st.sampled_from([*markup.split(), *json_pieces])


@given(
    st.binary(max_size=200)
    | st.lists(pieces, max_size=20).map(b"".join)
    | st.tuples(st.integers(0, len(TEXT)), st.binary(max_size=8)).map(
        lambda cut: TEXT[: cut[0]] + cut[1] + TEXT[cut[0] + len(cut[1]) :]
    )
    | st.dictionaries(names, values, max_size=4).map(lambda value: json.dumps(value).encode())
)
def test_any_bytes_are_a_message_of_printable_text_or_malformed(body: bytes) -> None:
    try:
        message = parse_message(body)
    except MalformedMessage:
        return
    assert all(value == "" or (value.isascii() and value.isprintable()) for value in message)
