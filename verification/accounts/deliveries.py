"""Retries and discards messages in the spool by hand, with a change event for each account."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.db import transaction
from django.db.models import Count, QuerySet
from django.utils import timezone

from verification import change_log
from verification.change_log import Action, Actor
from verification.models import Backend, Delivery, OfficialAccount


def retry(deliveries: QuerySet[Delivery], actor: Actor) -> int:
    """Let these messages be tried at once, dead letters as well, and return how many there are.

    If the circuit of their backend is open, a probe is due at once.
    """
    now = timezone.now()
    accounts = deliveries.order_by().values("account")
    Backend.objects.filter(account__in=accounts, next_probe_at__gt=now).update(next_probe_at=now)
    fields = {
        "state": Delivery.State.WAITING,
        "due_at": now,
        "attempts": 0,
        "settled_at": None,
    }
    return _update(deliveries, fields, Action.DELIVERIES_RETRIED, actor)


def discard(deliveries: QuerySet[Delivery], actor: Actor) -> int:
    """Delete what is stored of these messages, and return how many there are."""
    fields = {
        "state": Delivery.State.DISCARDED,
        "payload": None,
        "settled_at": timezone.now(),
    }
    return _update(deliveries, fields, Action.DELIVERIES_DISCARDED, actor)


def _update(
    deliveries: QuerySet[Delivery], fields: Mapping[str, Any], action: Action, actor: Actor
) -> int:
    stored = deliveries.filter(state__in=Delivery.STORED).order_by()
    # What a worker is delivering is left to it.
    stored = stored.exclude(leased_until__gt=timezone.now())
    with transaction.atomic():
        ids = stored.select_for_update(no_key=True).values("pk")
        locked = Delivery.objects.filter(pk__in=[row["pk"] for row in ids])
        counts = dict(locked.order_by().values_list("account").annotate(Count("pk")))
        locked.update(**fields)
        for account in OfficialAccount.objects.filter(pk__in=counts):
            change_log.record(action, actor, account, count=counts[account.pk])
    return sum(counts.values())
