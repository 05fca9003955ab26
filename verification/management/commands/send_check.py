from __future__ import annotations

from argparse import ArgumentParser
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.management.base import CommandError

from verification.management.base import GatewayCommand, find_account
from verification.models import OfficialAccount
from verification.self_test import play_wechat
from wechat_gateway import env


class Command(GatewayCommand):
    help = (
        "Play WeChat: send a signed URL verification over HTTP/1.0 and compare the answer with "
        "the echostr, byte for byte. Exit code 0 when WeChat would accept it, 1 when not."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug", help="the account whose token signs")
        parser.add_argument("--url", help="server URL to call (default: the account's own)")
        parser.add_argument("--token", help="sign with this token instead of the current one")

    def handle(self, *, slug: str, url: str | None, token: str | None, **options: Any) -> None:
        account = find_account(slug)
        target = url or default_url(account)
        if urlsplit(target).scheme not in {"http", "https"} or not urlsplit(target).hostname:
            raise CommandError("The URL must begin with http:// or https:// and name a host.")
        try:
            answer = play_wechat(target, token or current_secret(account))
        except (OSError, HTTPException, ValueError) as error:
            raise CommandError(f"{target} cannot be reached: {error}.") from error
        if problems := answer.problems():
            raise CommandError(f"{target} would not pass. {' '.join(problems)}")
        self.stdout.write(
            f"{target} passes: 200 and the exact echostr ({len(answer.body)} bytes) "
            f"in {answer.seconds * 1000:.0f} ms."
        )


def default_url(account: OfficialAccount) -> str:
    base = settings.PUBLIC_URL or f"http://127.0.0.1:{env.text('PORT', '8000')}"
    return f"{base}{account.server_path}"


def current_secret(account: OfficialAccount) -> str:
    current = account.current_token
    if current is None or current.secret is None:
        raise CommandError(f'"{account}" has no token yet: run rotate_token {account.slug}.')
    text: str = current.secret.reveal()
    return text
