"""Valid requests as bytes on the wire, and random mutations of them."""

from __future__ import annotations

import random
from collections.abc import Callable

from verification.tests.support.adapter import A
from verification.tests.support.signer import push, signed, verification

NONCE = "1514711492"  # one for all, so that a number always gives the same request
SIGNATURE = signed(A, nonce=NONCE)["signature"].encode()
GET, POST = verification(A, nonce=NONCE).encode(), push(A, nonce=NONCE).encode()
END = b"Host: wx.example.cn\r\nUser-Agent: Mozilla/4.0\r\nConnection: close\r\n"
VALID_REQUESTS = [
    b"GET /wechat/brand-a?%b HTTP/1.0\r\nUser-Agent: Mozilla/4.0\r\n\r\n" % GET,
    b"GET /wechat/brand-a/?%b HTTP/1.1\r\n%b\r\n" % (GET, END),
    b"GET /?%b HTTP/1.1\r\nX-Forwarded-For: 6.6.6.6, ::1\r\n%b\r\n" % (GET, END),
    b"GET http://wx.example.cn/wechat/brand-a?%b HTTP/1.1\r\n%b\r\n" % (GET, END),
    b"HEAD /wechat/brand-a?%b HTTP/1.1\r\n%b\r\n" % (GET, END),
    b"POST /wechat/brand-a?%b HTTP/1.1\r\n%bContent-Length: 11\r\n\r\n<xml></xml>" % (POST, END),
    b"POST /wechat/brand-a?%b HTTP/1.1\r\n%bContent-Length: 11\r\nExpect: 100-continue\r\n\r\n"
    b"<xml></xml>" % (POST, END),
    b"POST /wechat/brand-a?%b HTTP/1.1\r\n%bTransfer-Encoding: chunked\r\n\r\n"
    b"b\r\n<xml></xml>\r\n0\r\n\r\n" % (POST, END),
]
ODD_BYTES = [
    *(b"\0", b"\r\n", b"\n", b"\r", b"\xff\xfe", b"%", b"%00", b"%0d%0a", b"&", b"=", b"?", b"#"),
    *(b"/", b"//", b"..", b";", b" ", b"\t", b"\x1b[2J", "²".encode(), "１２３".encode()),
    *(b"<script>alert(1)</script>", b"signature=", b"&echostr=", b"a" * 5_000, b"9" * 50),
    *(b"HTTP/1.1", b"HTTP/2.0", b"Host: evil.example\r\n", b"Content-Length: 5\r\n"),
    *(b"Transfer-Encoding: chunked\r\n", b"Expect: 100-continue\r\n", b"X: " + b"y" * 70_000),
    *(b"X-Forwarded-For: \xff\r\n", b"Upgrade: websocket\r\nConnection: upgrade\r\n"),
]


def mutated_request(number: int) -> bytes:
    """Return a request with up to seven mutations; one in eight has none.

    A number always gives the same request.
    """
    chance = random.Random(number)
    raw = chance.choice(VALID_REQUESTS)
    for _ in range(chance.randrange(8)):
        raw = chance.choice(MUTATIONS)(chance, raw)
    return raw


def flip_bit(chance: random.Random, raw: bytes) -> bytes:
    start, _ = random_slice(chance, raw)
    return raw[:start] + bytes([raw[start] ^ 1 << chance.randrange(8)]) + raw[start + 1 :]


def insert(chance: random.Random, raw: bytes) -> bytes:
    start, _ = random_slice(chance, raw)
    return raw[:start] + chance.choice(ODD_BYTES) + raw[start:]


def insert_header(chance: random.Random, raw: bytes) -> bytes:
    """Insert at the start of a line: `insert` would seldom hit one."""
    return raw.replace(b"\r\n", b"\r\n" + chance.choice(ODD_BYTES), 1)


def remove(chance: random.Random, raw: bytes) -> bytes:
    start, end = random_slice(chance, raw)
    return raw[:start] + raw[end:] or b"\r\n"


def repeat(chance: random.Random, raw: bytes) -> bytes:
    start, end = random_slice(chance, raw)
    return raw[:end] + raw[start:]


def cross(chance: random.Random, raw: bytes) -> bytes:
    """Append the end of another request to this one, or to the beginning of it."""
    start, _ = random_slice(chance, raw)
    return raw[: chance.choice([start, len(raw)])] + chance.choice(VALID_REQUESTS)[start:]


MUTATIONS: list[Callable[[random.Random, bytes], bytes]] = [
    *(flip_bit, insert, insert_header, remove, repeat, cross)
]


def random_slice(chance: random.Random, raw: bytes) -> tuple[int, int]:
    start = chance.randrange(len(raw))
    return start, min(len(raw), start + chance.randint(1, 40))
