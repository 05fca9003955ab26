from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from verification.accounts.deliveries import describe_retried, retry
from verification.change_log import command_line_actor
from verification.management.base import (
    GatewayCommand,
    account_facts,
    add_json_argument,
    find_account,
)
from verification.models import Delivery


class Command(GatewayCommand):
    help = gettext_lazy(
        "Lets the messages that an account has in the spool be tried at once, without waiting for "
        "their next attempt: waiting messages and dead letters. The worker delivers them. The "
        "change log records how many there were."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("slug", help=_("The slug of the account."))
        parser.add_argument(
            "ids",
            metavar="ID",
            nargs="*",
            type=int,
            help=_("Retries only these messages, by their numbers in list_deliveries."),
        )
        parser.add_argument("--dead", action="store_true", help=_("Retries only dead letters."))
        add_json_argument(parser)

    def handle(self, *, slug: str, ids: list[int], dead: bool, **options: Any) -> None:
        account = find_account(slug)
        states = [Delivery.State.DEAD] if dead else [*Delivery.STORED]
        chosen = Delivery.objects.filter(account=account, state__in=states)
        if ids:
            chosen = chosen.filter(pk__in=ids)
            missing = sorted(set(ids) - set(chosen.values_list("pk", flat=True)))
            if missing:
                sentence = _(
                    "Nothing was retried: {account} has no message {ids} in the spool. "
                    "list_deliveries {slug} lists those that can be retried."
                )
                numbers = ", ".join(map(str, missing))
                raise CommandError(sentence.format(account=account, ids=numbers, slug=slug))
        count = retry(chosen, command_line_actor())
        if options["json"]:
            self.print_json(**account_facts(account), retried=count)
            return
        if count:
            self.stdout.write(describe_retried(count, [account.pk], timezone.now()))
        else:
            self.stdout.write(_("{account} has no messages to retry.").format(account=account))
