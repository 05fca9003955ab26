"""A request for every remark. Each function returns words that the remark must contain.

Each function has the name of its remark. PUBLIC_URL is https://wx.example.cn.
"""

from __future__ import annotations

import time
from datetime import datetime
from unittest import mock

from django.utils import timezone

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
    with mock.patch("verification.callbacks.recording.recording_time", slow_clock):
        send(f"/wechat/brand-a?{verification(B, timestamp=now())}")
    return "We took 1."


def slow_clock(*_: object) -> datetime:
    time.sleep(1.05)
    return timezone.now()


def console_may_complain(send: Send) -> str:
    send(f"/wechat/brand-a?{verification(A, timestamp=now())}")
    return "something in front of this server changed or replaced the answer: a CDN"
