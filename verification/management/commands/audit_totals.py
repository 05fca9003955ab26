from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.db.models import Sum
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from verification.management.base import GatewayCommand, add_json_argument
from verification.models import Tally
from verification.protocol.enums import Kind, Outcome


class Command(GatewayCommand):
    help = gettext_lazy("Counts every callback that was answered, by account, kind and outcome.")

    def add_arguments(self, parser: ArgumentParser) -> None:
        add_json_argument(parser)

    def handle(self, **options: Any) -> None:
        rows = [
            {
                "account": slug,
                "kind": Kind(kind).label,
                "outcome": Outcome(outcome).label,
                "count": int(count),
            }
            for slug, kind, outcome, count in Tally.objects.order_by()
            .values_list("account__slug", "kind", "outcome")
            .annotate(total=Sum("count"))
            .order_by("account__slug", "kind", "outcome")
        ]
        total = sum(row["count"] for row in rows)
        if options["json"]:
            self.print_json(total=total, rows=rows)
            return
        for row in rows:
            account = row["account"] or _("(no account)")
            self.stdout.write(
                f"{row['count']:>12,}  {row['outcome']:<8}  {row['kind']:<16}  {account}"
            )
        self.stdout.write(_("{total}  answered in total").format(total=f"{total:>12,}"))
