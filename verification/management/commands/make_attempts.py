from __future__ import annotations

import sys
from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.db import connection
from tqdm import tqdm

from verification.made_up_log import make_up_attempts
from verification.management.base import GatewayCommand
from verification.models import OfficialAccount
from verification.models.token import generate_secret, rotate_token


class Command(GatewayCommand):
    help = (
        "Fill the log of a copy on your own machine with made-up attempts, under real seals, to "
        "see how a large one behaves. Only on PostgreSQL; what is recorded stays."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--rows", type=int, default=10_000, help="how many (10000)")
        parser.add_argument("--days", type=int, default=400, help="over so many days (400)")
        parser.add_argument("--accounts", type=int, default=12, help="for so many accounts (12)")
        parser.add_argument("--batch", type=int, default=20, help="attempts under one seal (20)")

    def handle(self, *, rows: int, days: int, accounts: int, batch: int, **options: Any) -> None:
        if not settings.LOCAL:
            raise CommandError("This is for a copy on your own machine (WECHAT_GATEWAY_LOCAL=1).")
        if connection.vendor != "postgresql":
            raise CommandError("This fills PostgreSQL: set DATABASE_URL to one, then migrate.")
        if min(rows, days, accounts, batch) < 1:
            raise CommandError("--rows, --days, --accounts and --batch are 1 or more.")
        called = [find_or_make(number) for number in range(accounts)]
        with tqdm(total=rows, unit=" attempts", file=sys.stderr, disable=None) as bar:
            for made in make_up_attempts(called, rows, timedelta(days=days), batch):
                bar.update(made)
        self.stdout.write(f"Made up {rows:,} attempts of {len(called)} accounts.")


def find_or_make(number: int) -> OfficialAccount:
    slug = f"made-up-{number}"
    account, is_new = OfficialAccount.objects.get_or_create(
        slug=slug, defaults={"name": f"Made-up {number}", "answers_at_root": False}
    )
    if is_new:
        rotate_token(account, generate_secret(), actor="make_attempts")
    return account
