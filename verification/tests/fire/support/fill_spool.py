"""Stores messages of many followers, as the gateway does when the backend does not take them.

python -m verification.tests.fire.support.fill_spool NUMBER FOLLOWERS
"""

from __future__ import annotations

import sys
import uuid
from datetime import UTC, datetime
from typing import Any

import django

#: Pushes that are stored in a transaction.
BATCH = 500


def main(number: int, followers: int) -> None:
    from verification.models import OfficialAccount
    from verification.relay.spool import store

    account_id = OfficialAccount.objects.get(slug="brand-a").pk
    for start in range(0, number, BATCH):
        places = [divmod(place, followers) for place in range(start, min(start + BATCH, number))]
        assert all(store([waiting_push(account_id, *place) for place in places]))


def waiting_push(account_id: int, number: int, follower: int) -> Any:
    from verification.relay.spool import WaitingPush
    from verification.tests.support.adapter import A
    from verification.tests.support.messages import text_message
    from verification.tests.support.signer import push

    msg_id = f"{follower:09}{number:09}"
    return WaitingPush(
        account_id=account_id,
        webhook_id=f"msg_{msg_id}",
        follower=f"follower {follower}",
        request_id=uuid.uuid4(),
        received_at=datetime.now(UTC),
        query=push(A, nonce=msg_id).encode(),
        content_type="text/xml",
        body=text_message(f"{follower} {number}", msg_id=msg_id),
    )


if __name__ == "__main__":
    django.setup()
    main(*map(int, sys.argv[1:]))
