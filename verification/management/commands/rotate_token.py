from __future__ import annotations

from argparse import ArgumentParser, ArgumentTypeError
from datetime import timedelta
from typing import Any

from verification.management.base import GatewayCommand, command_line_actor, find_account
from verification.models.token import generate_secret, rotate_token


def hours(text: str) -> timedelta:
    if not (text.isascii() and text.isdigit() and len(text) <= 3 and int(text) <= 168):
        raise ArgumentTypeError("give whole hours from 0 to 168 (7 days)")
    return timedelta(hours=int(text))


class Command(GatewayCommand):
    help = (
        "Give an official account a new token and print it, this once. The old token stays valid "
        "until WeChat has used the new one, and 24 hours more."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug", help="the account's slug")
        parser.add_argument("--token", help="the new token (default: generate one)")
        parser.add_argument(
            "--keep-old",
            type=hours,
            metavar="HOURS",
            help="end the old token after this time, used or not; 0 after a leak",
        )

    def handle(
        self, *, slug: str, token: str | None, keep_old: timedelta | None, **options: Any
    ) -> None:
        account = find_account(slug)
        text = generate_secret() if token is None else token
        rotate_token(account, text, actor=command_line_actor(), keep_old=keep_old)
        self.warn_if_short(text)
        self.stdout.write(f"Server URL: {account.server_url}\nToken:      {text}")
        self.stdout.write(
            "Paste the token into WeChat's console (令牌(Token)) and press Submit (提交)."
        )
