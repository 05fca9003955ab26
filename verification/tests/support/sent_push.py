"""Run send_push for an account, and read what its backend got."""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from verification.tests.support.wecom import CORP_ID

Output = pytest.CaptureFixture[str]
SENDER = "wechat_gateway_test"
XML_REPLY = (
    f"<xml><ToUserName>{SENDER}</ToUserName><FromUserName>{CORP_ID}</FromUserName>"
    "<CreateTime>1714036505</CreateTime><MsgType>text</MsgType><Content>您好</Content></xml>"
)


def send_push(capsys: Output, *options: str, slug: str = "brand") -> str:
    """Return what the command prints, or the sentence with which it fails."""
    try:
        call_command("send_push", slug, *options)
    except CommandError as error:
        return str(error)
    return capsys.readouterr().out


def query_of(target: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(target).query).items()}
