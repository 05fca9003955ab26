from __future__ import annotations

from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterator
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from verification.accounts.deliveries import (
    describe_missing_worker,
    describe_next_attempt,
    with_earlier,
)
from verification.management.base import GatewayCommand, add_json_argument, find_account
from verification.models import Delivery
from verification.protocol.enums import DeliveryResult
from verification.relay.report import name_failure
from verification.times import format_short, format_zone

State = Delivery.State


class Command(GatewayCommand):
    help = gettext_lazy(
        "Lists the messages in the spool: waiting messages and dead letters. The oldest come "
        "first. What is in a message is never shown."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "slug", nargs="?", help=_("The slug of an account. Without it, all accounts.")
        )
        parser.add_argument(
            "--state",
            choices=[state.name.lower() for state in State],
            help=_("Lists messages in this state only. Settled ones are listed for 7 days."),
        )
        add_json_argument(parser)

    def handle(self, *, slug: str | None, state: str | None, **options: Any) -> None:
        states = [Delivery.State[state.upper()]] if state else [*Delivery.STORED]
        deliveries = (
            with_earlier(Delivery.objects.filter(state__in=states))
            .select_related("account__backend")
            .defer("payload")
            .order_by("id")
        )
        if slug is not None:
            deliveries = deliveries.filter(account=find_account(slug))
        if options["json"]:
            self.print_json(deliveries=[delivery_facts(row) for row in deliveries.iterator()])
            return
        counts: Counter[int] = Counter()
        for row in deliveries.iterator():
            counts[row.state] += 1
            self.stdout.write(" · ".join(format_delivery(row)))
        self.stdout.write(summarize(counts, is_filtered=bool(slug or state)))
        if counts[State.WAITING] and (problem := describe_missing_worker(timezone.now())):
            self.stdout.write(problem)


def delivery_facts(row: Delivery) -> dict[str, Any]:
    return {
        "id": row.pk,
        "slug": row.account.slug,
        "state": State(row.state).name.lower(),
        "received_at": row.received_at,
        "request_id": row.request_id,
        "bytes": row.size,
        "attempts": row.attempts,
        "reason": failure.label if (failure := failure_of(row)) else None,
        "status": row.last_status,
        "last_attempt_at": row.last_attempt_at,
        "next_attempt_at": row.due_at if row.state == State.WAITING else None,
        "settled_at": row.settled_at,
    }


def failure_of(row: Delivery) -> DeliveryResult | None:
    """Return why the last attempt failed, or None."""
    if row.last_result is None or row.last_result == DeliveryResult.DELIVERED.value:
        return None
    return DeliveryResult(row.last_result)


def format_delivery(row: Delivery) -> Iterator[str]:
    yield f"{row.pk}"
    yield row.account.slug
    yield row.get_state_display()
    yield _("received {time}").format(time=format_short(row.received_at))
    if failure := failure_of(row):
        yield name_failure(failure, row.last_status)
    if row.state == State.WAITING:
        yield _("next attempt: {time}").format(time=describe_next_attempt(row, timezone.now()))


def summarize(counts: Counter[int], is_filtered: bool) -> str:
    """Return the last line: how many messages there are in each state, and the zone of times."""
    if not counts:
        return _("There are no such messages.") if is_filtered else _("No messages are waiting.")
    total = counts.total()
    sentence = ngettext("{count} message: {states}.", "{count} messages: {states}.", total)
    states = ", ".join(f"{count} {State(state).label}" for state, count in sorted(counts.items()))
    times = _("Times are in {zone}.").format(zone=format_zone())
    return f"{sentence.format(count=total, states=states)} {times}"
