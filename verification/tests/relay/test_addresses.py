from __future__ import annotations

import asyncio
import socket
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from verification.relay import addresses
from verification.relay.addresses import is_allowed, validate_backend_url
from verification.relay.client import BackendClient, BackendFailure, Forwarded
from verification.tests.support.scripted_backend import OK, answers, backend_that

PUBLIC = ["8.8.8.8", "1.1.1.1", "223.5.5.5", "2400:3200::1", "2606:4700::1", "64:ff9b::808:808"]
FORBIDDEN = [
    *("127.0.0.1", "127.255.255.254", "0.0.0.0", "10.0.0.1", "172.16.0.1", "172.31.255.255"),
    *("192.168.1.1", "169.254.169.254", "169.254.0.23", "100.64.0.1", "100.100.100.200"),
    *("168.63.129.16", "192.0.0.192", "192.0.0.8", "192.0.2.1", "192.88.99.1", "198.18.0.1"),
    *("198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.250", "240.0.0.1"),
    *("255.255.255.255", "::", "::1", "::127.0.0.1", "::8.8.8.8", "::ffff:127.0.0.1"),
    *("::ffff:10.0.0.1", "::ffff:169.254.169.254", "::ffff:0:127.0.0.1", "64:ff9b::7f00:1"),
    *("64:ff9b::a9fe:a9fe", "64:ff9b:1::808:808", "100::1", "2001::1", "2001:0:7f00:1::1"),
    *("2001:2::1", "2001:10::1", "2001:20::1", "2001:db8::1", "2002:7f00:1::", "2002:a00:1::1"),
    *("3fff::1", "4000::1", "5f00::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0"),
    *("::1%lo", "2400:3200::1%eth0", "fec0::1", "ff02::1", "ff0e::1"),
    *("", "localhost", "2130706433", "0x7f.1", "127.1", "0177.0.0.1", "８.8.8.8", "8.8.8.8 "),
]


@pytest.mark.parametrize("address", PUBLIC)
def test_a_backend_may_have_a_public_address(address: str) -> None:
    assert is_allowed("backend.example.cn", 443, address)


@pytest.mark.parametrize("address", FORBIDDEN)
def test_a_backend_must_not_have_another_address(address: str) -> None:
    assert not is_allowed("backend.example.cn", 443, address)


def test_a_listed_host_may_have_any_address_at_its_port_only(settings: Any) -> None:
    settings.RELAY_PRIVATE_HOSTS = {"backend:8000", "[fd00::1]:8000"}

    assert is_allowed("backend", 8000, "10.0.0.7")
    assert is_allowed("Backend", 8000, "127.0.0.1")
    assert is_allowed("fd00::1", 8000, "fd00::1")
    assert is_allowed("FD00:0::1", 8000, "fd00::1")
    assert not is_allowed("backend", 8001, "10.0.0.7")
    assert not is_allowed("backend.example.cn", 8000, "10.0.0.7")
    assert not is_allowed("fd00::1", 8001, "fd00::1")


# --- URLs


@pytest.mark.parametrize(
    "url",
    [
        "https://backend.example.cn",
        "https://backend.example.cn/wechat?a=%E4&b=c;d",
        "HTTPS://Backend.Example.CN:8443/",
        "https://xn--fiqs8s.cn/",
        "https://my_backend-1.example.cn/",
        "https://8.8.8.8/",
        "https://[2400:3200::1]:8443/w",
        "https://1.example.cn/",
        "http://backend:8000/wechat",
        "http://BACKEND:8000",
        "https://backend:8000/",
        "http://10.0.0.7:80/",
        "http://10.0.0.7/",
        "http://[fd00::1]:8000/",
        "http://[FD00:0::1]:8000/",
        "https://" + "a" * 63 + ".cn/" + "b" * 425,
    ],
)
def test_a_valid_url_is_accepted(settings: Any, url: str) -> None:
    settings.RELAY_PRIVATE_HOSTS = {"backend:8000", "10.0.0.7:80", "[fd00::1]:8000"}
    settings.PUBLIC_URL = "https://wx.example.cn"

    validate_backend_url(url)


HTTPS = "The URL must begin with https://."
SHAPE = "The URL must look like https://backend.example.cn/wechat."
SPACE = "The URL contains a space, a line break or a backslash. Remove it."
NAME = "The host must be a name such as backend.example.cn, or an IP address."
DECIMAL = "Write an IPv4 address as four decimal numbers, such as 203.0.113.7."
IPV6 = "The host in brackets must be an IPv6 address."
PORT = "The port must be a number from 1 to 65535."
USER = "The URL must not contain a user name or a password."
OWN = "This is the address of wechat_gateway itself (PUBLIC_URL)"


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("http://backend.example.cn/", HTTPS),
        ("http://backend:8000/", HTTPS),
        *(
            (url, SHAPE)
            for url in ["", "backend.example.cn", "//a.cn/", "ftp://a.cn/", "https:/a.cn"]
        ),
        *((url, SHAPE) for url in ["https://", "https:///w", "https://:443/", "https://[::1/"]),
        *((url, SHAPE) for url in ["javascript://a.cn/", "https://a[b].cn/", "https://a.cn]/"]),
        *((url, SPACE) for url in ["https://a.cn/ b", " https://a.cn", "https://a.cn/\r\nX: y"]),
        *(
            (url, SPACE)
            for url in ["https://a.cn\\@b.cn/", "https://a.cn/\0", "https://a.cn/\u3000"]
        ),
        ("https://li.wei:hunter2@a.cn/", USER),
        ("https://@a.cn/", USER),
        ("https://8.8.8.8:443@127.0.0.1/", USER),
        ("https://a.cn/w#top", "The URL must not contain #."),
        ("https://a.cn#", "The URL must not contain #."),
        ("https://公司.cn/", "The host must be in ASCII."),
        ("https://１２７.0.0.1/", "The host must be in ASCII."),
        ("https://公司。cn/", "The host must be in ASCII."),
        *((f"https://{host}/", NAME) for host in ["a.cn.", "-a.cn", "a..cn", "a%2ecn", "*.a.cn"]),
        *((f"https://{host}/", NAME) for host in ["a" * 64 + ".cn", "a." * 126 + "cn", "a,b.cn"]),
        *(
            (f"https://{host}/", DECIMAL)
            for host in ["2130706433", "0x7f000001", "127.1", "0x7F.1"]
        ),
        *(
            (f"https://{host}/", DECIMAL)
            for host in ["0177.0.0.1", "1.2.3.4.5", "256.1.1.1", "a.1"]
        ),
        *((f"https://{host}/", IPV6) for host in ["[fe80::1%25eth0]", "[1.2.3.4]", "[]", "[::g]"]),
        *((f"https://a.cn:{port}/", PORT) for port in ["", "0", "65536", "8o", "-1", "４４３"]),
        *(
            (f"https://{host}/", f"{host.strip('[]')} is not a public address.")
            for host in ["127.0.0.1", "169.254.169.254", "[::1]", "[fd00:ec2::254]"]
        ),
        ("https://[::ffff:10.0.0.1]/", "is not a public address."),
        ("https://wx.example.cn/wechat/brand", OWN),
        ("https://WX.example.cn:443", OWN),
        ("https://a.cn/" + "b" * 488, "The URL is too long. Use one of at most 500 characters."),
    ],
)
def test_another_url_is_refused_with_a_sentence(settings: Any, url: str, sentence: str) -> None:
    settings.PUBLIC_URL = "https://wx.example.cn"

    with pytest.raises(ValidationError) as caught:
        validate_backend_url(url)

    assert sentence in caught.value.messages[0]
    assert "hunter2" not in caught.value.messages[0]


def test_a_private_address_says_what_to_add() -> None:
    pairs = {
        "https://10.0.0.7/": "10.0.0.7:443",
        "https://[::1]:81/": "[::1]:81",
        "http://127.0.0.1:8801/wechat": "127.0.0.1:8801",
        "http://Backend/": "backend:80",
    }
    for url, pair in pairs.items():
        with pytest.raises(ValidationError, match=r"RELAY_PRIVATE_HOSTS") as caught:
            validate_backend_url(url)

        assert f"add {pair} to RELAY_PRIVATE_HOSTS and restart" in caught.value.messages[0]


def test_the_gateway_is_refused_even_if_it_is_listed(settings: Any) -> None:
    settings.PUBLIC_URL = "http://127.0.0.1:8000"
    settings.RELAY_PRIVATE_HOSTS = {"127.0.0.1:8000", "127.0.0.1:8001"}

    validate_backend_url("http://127.0.0.1:8001/")
    with pytest.raises(ValidationError, match="itself"):
        validate_backend_url("http://127.0.0.1:8000/")


# --- Names, when the client connects


class Names:
    """A resolver whose answers a test chooses. It counts how often it is asked."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers, self.asked = list(answers), 0

    def __call__(self, host: str, port: int, *_args: Any, **_options: Any) -> list[Any]:
        self.asked += 1
        found = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [
            (kind, socket.SOCK_STREAM, 6, "", (address, port, 0, 0)[: 4 if ":" in address else 2])
            for address in found
            for kind in [socket.AF_INET6 if ":" in address else socket.AF_INET]
        ]


def send(url: str) -> str:
    """Send a message; return the body of the reply, or the label of the failure."""

    async def main() -> str:
        backend_client = BackendClient()
        try:
            forwarded = Forwarded(url, "text/xml", b"<xml/>", {})
            reply = await backend_client.send(forwarded, connect_timeout=5, timeout=10)
            return reply.body.decode()
        except BackendFailure as failure:
            return failure.result.label
        finally:
            await backend_client.close()

    return asyncio.run(main())


@pytest.fixture
def loopback_is_public(monkeypatch: pytest.MonkeyPatch) -> None:
    """127.0.0.1 stands for a public address, so that something answers there; 127.0.0.2 stays."""
    is_public = addresses._is_public
    monkeypatch.setattr(
        addresses, "_is_public", lambda address: address == "127.0.0.1" or is_public(address)
    )


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "2130706433",
        "0x7f000001",
        "127.1",
        "0177.0.0.1",
        "localhost",
        "localhost.",
        "127.0.0.1.",
        "[::1%25lo]",
        "0",
    ],
)
def test_a_forbidden_address_gets_no_connection_however_it_is_written(host: str) -> None:
    """The URL may have been stored before a rule existed."""
    with backend_that(answers(OK)) as backend:
        label = send(f"http://{host}:{backend.port}/")

    assert label in {"forbidden_address", "name_not_found"}
    assert backend.connections == 0


def test_forbidden_addresses_of_a_name_are_skipped(
    monkeypatch: pytest.MonkeyPatch, loopback_is_public: None
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", Names(["10.0.0.1", "127.0.0.1", "::1"]))

    with backend_that(answers(OK)) as backend:
        assert send(f"http://backend.example.cn:{backend.port}/") == "success"


def test_a_name_with_forbidden_addresses_only_gets_no_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", Names(["127.0.0.1", "::1"]))

    with backend_that(answers(OK)) as backend:
        assert send(f"http://backend.example.cn:{backend.port}/") == "forbidden_address"

    assert backend.connections == 0


def test_a_name_that_changes_its_address_is_not_asked_again(
    monkeypatch: pytest.MonkeyPatch, loopback_is_public: None
) -> None:
    """Between a check and a connection of its own, it could change to a forbidden one."""
    names = Names(["127.0.0.1"], ["127.0.0.2"])
    monkeypatch.setattr(socket, "getaddrinfo", names)

    with backend_that(answers(OK)) as backend:
        assert send(f"http://backend.example.cn:{backend.port}/") == "success"

    assert names.asked == 1


def test_a_name_that_does_not_exist_is_not_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", Names([]))

    assert send("http://backend.example.cn/") == "name_not_found"


def test_a_name_that_cannot_be_encoded_is_not_found() -> None:
    assert send("http://" + "a" * 64 + ".cn/") == "name_not_found"
