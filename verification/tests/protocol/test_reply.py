from __future__ import annotations

import pytest

from verification.protocol.callback import Callback
from verification.protocol.enums import Outcome
from verification.protocol.errors import MethodNotAllowed, MissingParameter
from verification.protocol.reply import Reply, Target, Verdict, reply_to
from verification.tests.support.adapter import A
from verification.tests.support.callback_factory import make_callback
from verification.tests.support.signer import push, self_test_nonce, verification

ACCEPTED = Verdict(outcome=Outcome.ACCEPTED, status=200)
ALWAYS = {
    "Content-Type": "text/plain; charset=utf-8",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; sandbox",
}


def refused(status: int) -> Verdict:
    return Verdict(outcome=Outcome.REFUSED, status=status)


@pytest.mark.parametrize(
    ("callback", "body"),
    [
        (make_callback(verification(A, echostr="AZaz09_+/=.~-")), b"AZaz09_+/=.~-"),
        (
            make_callback(verification(A, nonce=self_test_nonce(key=b"key"))),
            b"4375120948345356249",
        ),
        (make_callback(push(A), method="POST"), b"success"),
    ],
)
def test_accepted_callbacks_get_the_reply_for_wechat(callback: Callback, body: bytes) -> None:
    reply = reply_to(callback, ACCEPTED)

    assert (reply.status, reply.body) == (200, body)
    assert reply.headers == {**ALWAYS, "Content-Length": str(len(body))}


@pytest.mark.parametrize(
    ("status", "body", "more"),
    [
        (400, b"bad request", {}),
        (403, b"bad token", {}),
        (405, b"method not allowed", {"Allow": "GET, POST"}),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
def test_refusals_get_a_fixed_reply(
    method: str, status: int, body: bytes, more: dict[str, str]
) -> None:
    reply = reply_to(make_callback(verification(A), method=method), refused(status))

    assert (reply.status, reply.body) == (status, body)
    assert reply.headers == {**ALWAYS, "Content-Length": str(len(body)), **more}


def test_an_error_names_its_parameter_if_it_has_one() -> None:
    assert (str(MissingParameter("nonce")), MissingParameter("nonce").detail) == ("nonce",) * 2
    assert (str(MethodNotAllowed()), MethodNotAllowed().detail) == ("", "")


def test_neither_a_reply_nor_a_backend_shows_what_it_holds() -> None:
    target = Target(
        account_id=1,
        slug="brand-a",
        url="https://crm.example.cn/?key=hunter2",
        keeps_messages=True,
        secrets=("hunter2",),
        is_failing=False,
        is_open=False,
        is_probe_due=False,
        has_waiting=False,
    )

    assert repr(target) == "Target('brand-a')"
    assert repr(Reply(200, b"hunter2")) == "Reply(200, 7 bytes)"
