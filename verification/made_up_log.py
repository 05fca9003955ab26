"""A log for trying out how a large one behaves: made-up attempts under real seals."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from io import BytesIO
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone
from psycopg2.extras import execute_values

from verification.audit_log.canonical import COLUMNS, Values, canonical_line
from verification.audit_log.chain import make_seal
from verification.models import ChainHead, OfficialAccount, Seal, Tally, VerificationAttempt
from verification.protocol.enums import Kind, Mark, Method, Outcome, Reason

#: Seals committed together.
STRETCH = 500
TallyKey = tuple[int | None, datetime, Kind, Outcome]

UPSERT = f"""
INSERT INTO {Tally._meta.db_table} AS tally (account_id, hour, kind, outcome, count, noise, last_at)
VALUES %s ON CONFLICT (COALESCE(account_id, 0), hour, kind, outcome)
DO UPDATE SET count = tally.count + excluded.count, noise = tally.noise + excluded.noise,
    last_at = excluded.last_at"""

SCANNER = "Mozilla/5.0 zgrab/0.x"
#: What comes in, by how often it does: (kind, outcome, reason, status, knows its account).
SORTS = {
    (Kind.URL_VERIFICATION, Outcome.ACCEPTED, None, 200, True): 30,
    (Kind.URL_VERIFICATION, Outcome.REFUSED, Reason.SIGNATURE_MISMATCH, 403, True): 8,
    (Kind.MESSAGE_PUSH, Outcome.REFUSED, Reason.SIGNATURE_MISMATCH, 403, True): 2,
    (Kind.SELF_TEST, Outcome.ACCEPTED, None, 200, True): 5,
    (Kind.URL_VERIFICATION, Outcome.REFUSED, Reason.UNKNOWN_ACCOUNT, 403, False): 20,
    (Kind.URL_VERIFICATION, Outcome.REFUSED, Reason.MISSING_PARAMETER, 400, True): 35,
}


def make_up_attempts(
    accounts: Sequence[OfficialAccount], rows: int, span: timedelta, batch: int
) -> Iterator[int]:
    """Append `rows` attempts, evenly over `span` until now, or what the log leaves of it."""
    chance = random.Random(rows)  # noqa: S311 - the same log each time, not a secret one
    callers = [(account, account.tokens.get(superseded_at=None).pk) for account in accounts]
    head = ChainHead.objects.first() or ChainHead.objects.create()
    end = timezone.now()
    begin = max(filter(None, [end - span, head.last_recorded_at]))
    step, made = (end - begin) / rows, 0
    while made < rows:
        count = min(rows - made, STRETCH * batch)
        with transaction.atomic():
            head = ChainHead.objects.select_for_update().get()
            moments = (begin + step * (made + number + 1) for number in range(count))
            append([make_up(chance, callers, moment) for moment in moments], head, batch)
        made += count
        yield count


def make_up(
    chance: random.Random, callers: Sequence[tuple[OfficialAccount, int]], moment: datetime
) -> Values:
    """Everything of one attempt but its id and seal."""
    [(kind, outcome, reason, status, is_known)] = chance.choices([*SORTS], [*SORTS.values()])
    account, token_id = chance.choice(callers)
    is_bare = reason is Reason.MISSING_PARAMETER
    return {
        "recorded_at": moment,
        "account_id": account.pk if is_known else None,
        "token_id": token_id if outcome is Outcome.ACCEPTED else None,
        "duration": chance.randrange(1_500, 9_000),
        "clock_skew": None if is_bare else chance.randrange(3),
        "occurrences": 1,
        "kind": int(kind),
        "method": int(Method.POST if kind is Kind.MESSAGE_PUSH else Method.GET),
        "outcome": int(outcome),
        "reason": None if reason is None else int(reason),
        "status": status,
        "marks": int(Mark.HTTPS | Mark.HTTP_1_0),
        "request_id": UUID(int=chance.getrandbits(128)),
        "signature": None if is_bare else chance.randbytes(20),
        "client_ip": f"81.69.{chance.randrange(256)}.{chance.randrange(1, 255)}",
        "detail": "signature" if is_bare else "",
        "path_slug": account.slug if is_known else f"wp-{chance.randrange(10**6)}",
        "timestamp": "" if is_bare else str(int(moment.timestamp())),
        "nonce": "" if is_bare else str(chance.randrange(10**10)),
        "echostr": "" if is_bare else str(chance.randrange(10**18, 10**19)),
        "user_agent": "Mozilla/4.0" if is_known and not is_bare else SCANNER,
        "host": "wx.example.cn",
    }


def append(attempts: Sequence[Values], head: ChainHead, batch: int) -> None:
    """Seal the attempts, `batch` under a seal, write all of it, and move the head."""
    lines: list[bytes] = []
    seals: list[Seal] = []
    for start in range(0, len(attempts), batch):
        own = [
            canonical_line(
                {"id": head.last_attempt_id + 1 + number, "seal_id": head.last_seal_id + 1, **it}
            )
            for number, it in enumerate(attempts[start : start + batch])
        ]
        seals.append(make_seal(head, own))
        lines += own
        head.move_to(seals[-1])
    copy_in(lines)
    Seal.objects.bulk_create(seals)
    head.last_recorded_at = attempts[-1]["recorded_at"]
    head.save()
    add_to_tallies(attempts)


def copy_in(lines: Sequence[bytes]) -> None:
    columns = ", ".join(f'"{name}"' for name in COLUMNS)
    with connection.cursor() as cursor:
        statement = f"COPY {VerificationAttempt._meta.db_table} ({columns}) FROM STDIN"
        cursor.copy_expert(statement, BytesIO(b"".join(lines)))


def add_to_tallies(attempts: Sequence[Values]) -> None:
    counts, noise = Counter(map(tally_key, attempts)), Counter[TallyKey]()
    noise.update(tally_key(it) for it in attempts if it["user_agent"] == SCANNER)
    last = attempts[-1]["recorded_at"]
    with connection.cursor() as cursor:
        rows = [(*key, count, noise[key], last) for key, count in counts.items()]
        execute_values(cursor, UPSERT, rows)


def tally_key(attempt: Values) -> TallyKey:
    hour = hour_of(attempt["recorded_at"])
    return attempt["account_id"], hour, attempt["kind"], attempt["outcome"]


def hour_of(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
