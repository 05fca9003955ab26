from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.db.models import Sum
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from verification.management.base import GatewayCommand, add_json_argument
from verification.management.columns import pad
from verification.models import Tally
from verification.models.choices import KIND_CHOICES, OUTCOME_CHOICES
from verification.protocol.enums import Kind, Outcome

KINDS, OUTCOMES = dict(KIND_CHOICES), dict(OUTCOME_CHOICES)


class Command(GatewayCommand):
    help = gettext_lazy("Counts every callback that was answered, by account, kind and outcome.")

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_json_argument(parser)

    def handle(self, **options: Any) -> None:
        keys = ("account__slug", "kind", "outcome")
        tallies = Tally.objects.order_by().values_list(*keys)
        rows = tallies.annotate(total=Sum("count")).order_by(*keys)
        total = sum(int(count) for _slug, _kind, _outcome, count in rows)
        if options["json"]:
            self.print_json(total=total, rows=[row_facts(*row) for row in rows])
            return
        for row in rows:
            self.stdout.write(format_row(*row))
        self.stdout.write(_("{total}  answered in total").format(total=f"{total:>12,}"))


def row_facts(slug: str | None, kind: int, outcome: int, count: int) -> dict[str, Any]:
    return {
        "account": slug,
        "kind": Kind(kind).label,
        "outcome": Outcome(outcome).label,
        "count": int(count),
    }


def format_row(slug: str | None, kind: int, outcome: int, count: int) -> str:
    account = slug or _("(no account)")
    words = f"{pad(str(OUTCOMES[outcome]), 8)}  {pad(str(KINDS[kind]), 16)}"
    return f"{int(count):>12,}  {words}  {account}"
