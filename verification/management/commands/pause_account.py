from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from verification.accounts.pausing import pause
from verification.change_log import command_line_actor
from verification.management.base import (
    GatewayCommand,
    account_facts,
    add_json_argument,
    find_account,
)
from verification.protocol.console import SERVICE_FAILURE_MESSAGE


class Command(GatewayCommand):
    help = format_lazy(
        gettext_lazy(
            "Pauses an account: all its callbacks are refused until you run resume_account. "
            "Followers of an official account that is enabled (启用) in WeChat's console read "
            "“{message}” when they write to it."
        ),
        message=SERVICE_FAILURE_MESSAGE,
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug", help=_("The slug of the account."))
        add_json_argument(parser)

    def handle(self, *, slug: str, **options: Any) -> None:
        account = find_account(slug)
        changed = pause(account, command_line_actor())
        if options["json"]:
            self.print_json(**account_facts(account), is_paused=True, changed=changed)
            return
        if changed:
            sentence = _(
                "Paused {account}. Run resume_account {slug} to accept its callbacks again."
            )
        else:
            sentence = _("{account} is paused already; nothing was changed.")
        self.stdout.write(sentence.format(account=account, slug=slug))
