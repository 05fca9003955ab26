"""Make pushes that wait for a backend, and say what becomes of them."""

from __future__ import annotations

import re
import uuid
from datetime import UTC, datetime
from typing import Any

from django.utils import timezone

from verification.models import Backend, Delivery, OfficialAccount
from verification.relay.spool import WaitingPush
from verification.tests.support.backend import Received

BODY = "<xml><FromUserName>oZhangWei</FromUserName><Content>你好 {number}</Content></xml>"


def waiting_push(
    account: OfficialAccount, number: int, follower: str = "zhang", **fields: Any
) -> WaitingPush:
    """Return the push of a follower's message with this number."""
    defaults: dict[str, Any] = {
        "webhook_id": f"msg_{account.slug}_{follower}_{number}",
        "request_id": uuid.UUID(int=number),
        "received_at": datetime.now(UTC),
        "query": b"signature=5f0f&timestamp=1764320000&nonce=41&openid=oZhangWei",
        "content_type": "text/xml",
        "body": BODY.format(number=number).encode(),
    }
    return WaitingPush(account_id=account.pk, follower=follower, **{**defaults, **fields})


def states(account: OfficialAccount) -> list[str]:
    """Return the state of each of the account's messages, in the order of arrival."""
    rows = Delivery.objects.filter(account=account).order_by("id")
    return [Delivery.State(row.state).name for row in rows]


def settled(account: OfficialAccount) -> bool:
    return not Delivery.objects.filter(account=account, state=Delivery.State.WAITING).exists()


def number_of(received: Received) -> int:
    match = re.search(r"你好 (\d+)", received.body.decode())
    assert match is not None
    return int(match[1])


def make_due(account: OfficialAccount) -> None:
    """Let all delays of an account's messages and of its circuit end now."""
    Delivery.objects.filter(account=account).update(due_at=timezone.now())
    Backend.objects.filter(account=account, next_probe_at__isnull=False).update(
        next_probe_at=timezone.now()
    )
