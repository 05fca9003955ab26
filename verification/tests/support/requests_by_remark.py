"""A request for every remark. Each function returns words that the remark must contain.

Each function has the name of its remark. PUBLIC_URL is https://wx.example.cn.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from unittest import mock

from verification.callbacks.recording import judge_all
from verification.callbacks.verdicts import Accounts
from verification.protocol.callback import Callback
from verification.protocol.reply import Verdict
from verification.tests.support.adapter import A, B
from verification.tests.support.requests_by_cause import Send
from verification.tests.support.signer import verification


def now(minutes: float = 0) -> str:
    return str(int(time.time() + minutes * 60))


def repeat(send: Send) -> str:
    for _time in range(2):
        send(f"/wechat/brand-a?{verification(B, timestamp='1714036504')}")
    return "was the same request, less than"


def clock_off(send: Send) -> str:
    send(f"/wechat/brand-a?{verification(A, timestamp=now(minutes=6.5))}")
    return "Its timestamp was 6 minutes ahead of this server's clock"


def not_wechats_user_agent(send: Send) -> str:
    send(f"/wechat/brand-a?{verification(A, timestamp=now())}", user_agent="curl/8.4")
    return "Its user agent “curl/8.4” is not WeChat's"


def came_over_http(send: Send) -> str:
    send(f"/wechat/brand-a?{verification(A, timestamp=now())}", scheme="http")
    return "It came over http, but PUBLIC_URL is https"


def came_to_another_host(send: Send) -> str:
    send(f"/wechat/brand-a?{verification(A, timestamp=now())}", host="brand.herokuapp.com")
    return "It asked for the host “brand.herokuapp.com”, but PUBLIC_URL has “wx.example.cn”"


def slow_answer(send: Send) -> str:
    with mock.patch("verification.callbacks.recording.judge_all", judge_slowly):
        send(f"/wechat/brand-a?{verification(B, timestamp=now())}")
    return "We took 1."


def judge_slowly(callbacks: Sequence[Callback], accounts: Accounts) -> list[Verdict]:
    time.sleep(1.05)
    return judge_all(callbacks, accounts)


def console_may_complain(send: Send) -> str:
    send(f"/wechat/brand-a?{verification(A, timestamp=now())}")
    return "something in front of this server changed or replaced the answer: a CDN"
