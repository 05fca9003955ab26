from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from verification.accounts.pausing import resume
from verification.change_log import command_line_actor
from verification.management.base import (
    GatewayCommand,
    account_facts,
    add_json_argument,
    find_account,
)


class Command(GatewayCommand):
    help = gettext_lazy("Resumes a paused account: its callbacks are answered again.")

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug", help=_("The slug of the account."))
        add_json_argument(parser)

    def handle(self, *, slug: str, **options: Any) -> None:
        account = find_account(slug)
        changed = resume(account, command_line_actor())
        if options["json"]:
            self.print_json(**account_facts(account), is_paused=False, changed=changed)
            return
        if changed:
            sentence = _("Resumed {account}: its callbacks are answered again.")
        else:
            sentence = _("{account} is not paused; nothing was changed.")
        self.stdout.write(sentence.format(account=account))
