"""Encrypt waiting messages with the newest key."""

from __future__ import annotations

from collections import Counter

from django.db import connection, transaction

from verification.models import Delivery, OfficialAccount
from verification.relay.payload import Payload, UndecryptablePayload

#: How many messages a transaction encrypts: 16 MB at most, as a message has 1 MiB at most.
BATCH = 16
SELECT = f"""
SELECT id, account_id, payload FROM {Delivery._meta.db_table} WHERE id > %s AND state IN (1, 2)
ORDER BY id LIMIT %s FOR UPDATE"""


def reencrypt_deliveries() -> list[str]:
    """Encrypt every stored message anew. Return the accounts with messages that no key decrypts.

    Each comes with the number of its lost messages. Deliveries go on meanwhile: a message is locked
    only while its batch is encrypted.
    """
    lost: Counter[int] = Counter()
    last_id, is_complete = 0, connection.vendor != "postgresql"  # only there, messages are kept
    while not is_complete:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(SELECT, [last_id, BATCH])
            rows = cursor.fetchall()
            for number, account_id, payload in rows:
                last_id = number
                try:
                    encrypted = Payload.decrypt(bytes(payload)).encrypt()
                except UndecryptablePayload:
                    lost[account_id] += 1
                    continue
                Delivery.objects.filter(pk=number).update(payload=encrypted, size=len(encrypted))
            is_complete = len(rows) < BATCH
    slugs = OfficialAccount.objects.filter(pk__in=lost).order_by("slug").values_list("slug", "pk")
    return [f"{slug} ({lost[account_id]})" for slug, account_id in slugs]
