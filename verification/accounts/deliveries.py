"""Says when messages in the spool are tried, and retries and discards them by hand.

Each account gets a change event for what was done by hand.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Count, Exists, OuterRef, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from verification import change_log
from verification.change_log import Action, Actor
from verification.models import Backend, Delivery, OfficialAccount
from verification.relay.report import WORKER_TIMEOUT, worker_last_seen
from verification.times import format_datetime, format_short_with_seconds

#: The attribute that with_earlier() gives to each message.
HAS_EARLIER = "has_earlier"


def with_earlier(deliveries: QuerySet[Delivery]) -> QuerySet[Delivery]:
    """Let describe_next_attempt() know of each message whether it waits behind an earlier one."""
    earlier = Delivery.objects.filter(
        account=OuterRef("account"),
        follower=OuterRef("follower"),
        pk__lt=OuterRef("pk"),
        state=Delivery.State.WAITING,
    )
    return deliveries.annotate(**{HAS_EARLIER: Exists(earlier)})


def describe_next_attempt(delivery: Delivery, now: datetime) -> str:
    """Return when a waiting message of with_earlier() is tried; its account has the backend."""
    backend: Backend | None = getattr(delivery.account, "backend", None)
    if backend is None:
        return _("once the account has a backend")
    if backend.next_probe_at is not None:
        return _("when the backend works again (next try {time})").format(
            time=format_moment(backend.next_probe_at, now)
        )
    if getattr(delivery, HAS_EARLIER):
        return _("after an earlier message of the same follower")
    return format_moment(delivery.due_at, now)


def describe_missing_worker(now: datetime) -> str:
    """Return that no worker delivers what waits, or an empty text if one has run lately."""
    seen = worker_last_seen()
    if seen is None:
        return _("No worker runs: start manage.py worker, which delivers waiting messages.")
    if now - seen < WORKER_TIMEOUT:
        return ""
    return _(
        "No worker has run since {time}: start manage.py worker, which delivers waiting messages."
    ).format(time=format_datetime(seen, "%Y-%m-%d %H:%M"))


def describe_retried(count: int, account_ids: Iterable[int], now: datetime) -> str:
    """Return what becomes of messages that were just retried."""
    if not count:
        return _("There is nothing to change.")
    failing = Backend.objects.filter(pk__in=[*account_ids], next_probe_at__isnull=False)
    hint = describe_missing_worker(now)
    if not hint and failing.exists():
        hint = _("The backend is tried now. If it takes a message, the others follow.")
    if hint:
        sentence = ngettext("{count} message is due now.", "{count} messages are due now.", count)
    else:
        sentence = ngettext(
            "{count} message is tried again now.", "{count} messages are tried again now.", count
        )
    return f"{sentence.format(count=f'{count:,}')} {hint}".strip()


def format_moment(moment: datetime, now: datetime) -> str:
    """Return the time, or "now" if it has come."""
    return format_short_with_seconds(moment) if moment > now else _("now")


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
