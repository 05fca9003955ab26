from __future__ import annotations

from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from verification.accounts.status import AccountStatus, read_sorted_statuses
from verification.management.base import (
    GatewayCommand,
    account_facts,
    add_json_argument,
    backend_facts,
)
from verification.models import OfficialAccount
from verification.times import format_short, format_zone


class Command(GatewayCommand):
    help = gettext_lazy(
        "Lists all accounts with their state, server URL and last accepted call. Accounts that "
        "need attention come first."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_json_argument(parser)

    def handle(self, **options: Any) -> None:
        rows = read_sorted_statuses(OfficialAccount.objects.all())
        if options["json"]:
            self.print_json(accounts=[row_facts(*row) for row in rows])
            return
        for row in rows:
            for line in format_row(*row):
                self.stdout.write(line)
        if rows and not settings.PUBLIC_URL:
            self.stdout.write(_("PUBLIC_URL is not set, so server URLs are shown as paths."))
        self.stdout.write(summarize([status for _account, status in rows]))


def row_facts(account: OfficialAccount, status: AccountStatus) -> dict[str, Any]:
    return {
        **account_facts(account),
        "state": status.level.key,
        "state_text": status.text,
        "advice": status.advice or None,
        "attempt": status.attempt and status.attempt.pk,
        "needs_attention": status.needs_attention,
        "last_accepted": status.facts.last_accepted,
        "last_push": status.facts.last_push,
        "refused_in_24_h": status.facts.refused_in_24_h,
        "backend": status.facts.backend and backend_facts(status.facts.backend),
        "messages_waiting": status.facts.backlog.waiting,
        "dead_letters": status.facts.backlog.dead,
        "oldest_message": status.facts.backlog.oldest,
    }


def format_row(account: OfficialAccount, status: AccountStatus) -> Iterator[str]:
    yield f"{status.level.sign} {account.slug} · {account.name}: {status.text}"
    last = _("no accepted call yet")
    if status.facts.last_accepted:
        last = _("last accepted call {time}").format(time=format_short(status.facts.last_accepted))
    yield f"  {account.server_url} · {last}"
    if status.needs_attention and status.advice:
        yield f"  {status.advice}"


def summarize(statuses: list[AccountStatus]) -> str:
    """Return the last line: how many accounts there are, and the zone of the times above."""
    if not statuses:
        return _("There are no accounts yet: add one with add_account.")
    count = len(statuses)
    troubled = sum(status.needs_attention for status in statuses)
    return _("{accounts}, {attention}. Times are in {zone}.").format(
        accounts=ngettext("{count} account", "{count} accounts", count).format(count=count),
        attention=ngettext("{count} needs attention", "{count} need attention", troubled).format(
            count=troubled
        ),
        zone=format_zone(),
    )
