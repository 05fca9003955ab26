"""Make backends, stored messages and tallies in the state that a test needs."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from django.utils import timezone

from verification.accounts.backends import set_backend
from verification.models import Backend, Delivery, DeliveryTally, OfficialAccount
from verification.protocol.enums import DeliveryResult
from verification.relay.results import bucket_of, start_of_period
from verification.tests.support.accounts import LI_WEI

#: What the backend of a shop looks like, with a password in its query.
CRM = "https://crm.example.cn/wechat?key=hunter2-secret"
#: How it is shown.
MASKED = "https://crm.example.cn/wechat?key=••••••••"
#: Stands for an encrypted message in the spool.
PAYLOAD = b"encrypted: hello from a follower"


def give_backend(account: OfficialAccount, url: str = CRM, **fields: Any) -> Backend:
    """Set a backend, in the given state of its circuit."""
    set_backend(account, url, Backend.OnFailure.RESEND, 3, LI_WEI)
    Backend.objects.filter(pk=account.pk).update(**fields)
    return Backend.objects.select_related("account").get(pk=account.pk)


def give_failing_backend(
    account: OfficialAccount,
    result: DeliveryResult = DeliveryResult.CONNECTION_REFUSED,
    status: int | None = None,
    failures: int = 3,
) -> Backend:
    return give_backend(
        account,
        failures=failures,
        failing_since=timezone.now(),
        last_failure=result,
        last_failure_status=status,
        next_probe_at=timezone.now() + timedelta(seconds=30),
    )


def keep_waiting(
    account: OfficialAccount, count: int = 1, *, for_: timedelta = timedelta(), **fields: Any
) -> list[Delivery]:
    """Store messages that have waited for this long."""
    now = timezone.now()
    defaults = {
        "received_at": now - for_,
        "due_at": now + timedelta(hours=1),
        "payload": PAYLOAD,
        "size": len(PAYLOAD),
    }
    rows = [
        Delivery(
            account=account,
            webhook_id=f"msg_{uuid.uuid4().hex[:28]}",
            follower="f" * 32,
            request_id=uuid.uuid4(),
            **{**defaults, **fields},
        )
        for _ in range(count)
    ]
    return Delivery.objects.bulk_create(rows)


def make_dead(account: OfficialAccount, count: int = 1, **fields: Any) -> list[Delivery]:
    reason: dict[str, Any] = {"last_result": DeliveryResult.CLIENT_ERROR, "last_status": 404}
    return keep_waiting(
        account, count, state=Delivery.State.DEAD, settled_at=timezone.now(), **reason, **fields
    )


def count_deliveries(
    account: OfficialAccount,
    result: DeliveryResult,
    count: int,
    *,
    milliseconds: float = 0,
    hours_ago: float = 0,
    status: int = 0,
) -> None:
    """Add to the statistics, as the relay does."""
    moment = timezone.now() - timedelta(hours=hours_ago)
    DeliveryTally.objects.create(
        account=account,
        period=start_of_period(moment),
        result=result,
        status=status,
        bucket=bucket_of(milliseconds / 1000),
        count=count,
        last_at=moment,
    )
