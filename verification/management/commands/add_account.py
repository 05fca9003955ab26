from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from verification.accounts.creation import create_account
from verification.change_log import command_line_actor
from verification.management.base import (
    GatewayCommand,
    account_facts,
    add_json_argument,
    add_token_argument,
    format_server_url,
    read_token,
)
from verification.models import OfficialAccount
from verification.models.account import MAX_ACCOUNTS_AT_ROOT, is_root_full


class Command(GatewayCommand):
    help = gettext_lazy(
        "Adds an official account and prints its server URL and token, which is shown only once."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "slug", help=_("The last part of the server URL: a-z, 0-9 and hyphens.")
        )
        parser.add_argument("--name", help=_("The name that the admin shows (default: the slug)."))
        add_token_argument(
            parser,
            _(
                "The token, if WeChat already has one. The default is a generated token of 32 "
                "characters."
            ),
        )
        add_json_argument(parser)

    def handle(self, *, slug: str, name: str | None, token: str | None, **options: Any) -> None:
        text = read_token(token)
        with transaction.atomic():
            account = OfficialAccount(slug=slug, name=name or slug)
            if is_root_full():
                account.answers_at_root = False
                warning = _(
                    "{limit} accounts already accept calls at the bare domain, so this one does "
                    "not."
                )
                self.stderr.write(warning.format(limit=MAX_ACCOUNTS_AT_ROOT))
            account.full_clean()
            create_account(account, text, command_line_actor())
        self.warn_about_token(account, text)
        if options["json"]:
            self.print_json(**account_facts(account), token=text)
            return
        for line in format_server_url(account):
            self.stdout.write(line)
        self.stdout.write(_("Token:      {token}").format(token=text))
        self.stdout.write(
            _(
                "The token is not printed again. People with the permission can reveal it in the "
                "admin."
            )
        )
