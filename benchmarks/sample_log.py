#!/usr/bin/env python3
"""Fill a database with a sample log, to see how a large one behaves.

The attempts are generated, the seals and tallies over them are real. Works on PostgreSQL only, and
needs a migrated database in DATABASE_URL. Nothing removes the attempts again.
"""

from __future__ import annotations

import os
import random
import sys
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from io import BytesIO
from uuid import UUID

import django
from django.apps import apps

from benchmarks.errors import BenchmarkError

if not apps.ready:  # run as a program; tests have set up Django already
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "wechat_gateway.settings")
    django.setup()

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone
from psycopg2.extras import execute_values
from tqdm import tqdm

from verification import change_log
from verification.accounts.tokens import rotate_token
from verification.audit_log.canonical import COLUMNS, Values, canonical_line
from verification.audit_log.chain import make_seal
from verification.callbacks.store import UPSERT_TALLIES
from verification.change_log import Action, Actor
from verification.models import ChainHead, OfficialAccount, Seal, VerificationAttempt
from verification.models.account import generate_secret
from verification.protocol.enums import Kind, Mark, Method, Outcome, Reason

#: Seals that are committed together.
SEALS_PER_COMMIT = 500
TallyKey = tuple[int | None, datetime, Kind, Outcome]

SCANNER = "Mozilla/5.0 zgrab/0.x"
#: Percentages of attempts by kind, outcome, reason, status, and whether an account has the path.
MIX = {
    (Kind.URL_VERIFICATION, Outcome.ACCEPTED, None, 200, True): 30,
    (Kind.URL_VERIFICATION, Outcome.REFUSED, Reason.SIGNATURE_MISMATCH, 403, True): 8,
    (Kind.MESSAGE_PUSH, Outcome.REFUSED, Reason.SIGNATURE_MISMATCH, 403, True): 2,
    (Kind.SELF_TEST, Outcome.ACCEPTED, None, 200, True): 5,
    (Kind.URL_VERIFICATION, Outcome.REFUSED, Reason.UNKNOWN_ACCOUNT, 403, False): 20,
    (Kind.URL_VERIFICATION, Outcome.REFUSED, Reason.MISSING_PARAMETER, 400, True): 35,
}


def append_attempts(
    accounts: Sequence[OfficialAccount], rows: int, span: timedelta, batch: int
) -> Iterator[int]:
    """Append `rows` attempts, spread evenly over the `span` until now; yield how many per commit.

    `batch` is the number of attempts under a seal. In a log that has attempts already, the new
    ones begin after the last of them.
    """
    chance = random.Random(rows)
    callers = [(account, account.tokens.get(superseded_at=None).pk) for account in accounts]
    head = ChainHead.objects.first() or ChainHead.objects.create()
    end = timezone.now()
    begin = max(filter(None, [end - span, head.last_recorded_at]))
    step, made = (end - begin) / rows, 0
    while made < rows:
        count = min(rows - made, SEALS_PER_COMMIT * batch)
        with transaction.atomic():
            head = ChainHead.objects.select_for_update().get()
            times = (begin + step * (made + number + 1) for number in range(count))
            append([make_attempt(chance, callers, time) for time in times], head, batch)
        made += count
        yield count


def make_attempt(
    chance: random.Random, callers: Sequence[tuple[OfficialAccount, int]], time: datetime
) -> Values:
    """Return the columns of one attempt, without its id and seal."""
    [(kind, outcome, reason, status, is_known)] = chance.choices([*MIX], [*MIX.values()])
    account, token_id = chance.choice(callers)
    is_bare = reason is Reason.MISSING_PARAMETER
    return {
        "recorded_at": time,
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
        "timestamp": "" if is_bare else str(int(time.timestamp())),
        "nonce": "" if is_bare else str(chance.randrange(10**10)),
        "echostr": "" if is_bare else str(chance.randrange(10**18, 10**19)),
        "user_agent": "Mozilla/4.0" if is_known and not is_bare else SCANNER,
        "host": "wx.example.cn",
    }


def append(attempts: Sequence[Values], head: ChainHead, batch: int) -> None:
    """Seal the attempts, `batch` per seal, write rows, seals and tallies, and move the head."""
    lines: list[bytes] = []
    seals: list[Seal] = []
    for start in range(0, len(attempts), batch):
        sealed = [
            canonical_line(
                {"id": attempt_id, "seal_id": head.last_seal_id + 1, **attempt},
            )
            for attempt_id, attempt in enumerate(
                attempts[start : start + batch], start=head.last_attempt_id + 1
            )
        ]
        seals.append(make_seal(head, sealed))
        lines += sealed
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
    noise.update(tally_key(attempt) for attempt in attempts if attempt["user_agent"] == SCANNER)
    last = attempts[-1]["recorded_at"]
    with connection.cursor() as cursor:
        rows = [(*key, count, noise[key], last) for key, count in counts.items()]
        execute_values(cursor, UPSERT_TALLIES.format(rows="%s"), rows)


def tally_key(attempt: Values) -> TallyKey:
    hour = hour_of(attempt["recorded_at"])
    return attempt["account_id"], hour, attempt["kind"], attempt["outcome"]


def hour_of(time: datetime) -> datetime:
    return time.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def fill(*, rows: int = 10_000, days: int = 400, accounts: int = 12, batch: int = 20) -> None:
    """Append a sample log for accounts `sample-0`, `sample-1`, …; create those that are missing.

    Raises BenchmarkError unless WECHAT_GATEWAY_LOCAL=1, on SQLite, or for a number below 1.
    """
    if not settings.LOCAL:
        raise BenchmarkError(
            "A sample log must not be added to a deployment: set WECHAT_GATEWAY_LOCAL=1 on your"
            " own machine."
        )
    if connection.vendor != "postgresql":
        raise BenchmarkError(
            "A sample log needs PostgreSQL: set DATABASE_URL to one, then migrate."
        )
    if min(rows, days, accounts, batch) < 1:
        raise BenchmarkError("--rows, --days, --accounts and --batch must be 1 or more.")
    called = [get_or_create_account(number) for number in range(accounts)]
    with tqdm(total=rows, unit=" attempts", file=sys.stderr, disable=None) as bar:
        for appended in append_attempts(called, rows, timedelta(days=days), batch):
            bar.update(appended)


def get_or_create_account(number: int) -> OfficialAccount:
    account, is_new = OfficialAccount.objects.get_or_create(
        slug=f"sample-{number}", defaults={"name": f"Sample {number}", "answers_at_root": False}
    )
    if is_new:
        actor = Actor("sample_log")
        change_log.record(Action.ACCOUNT_CREATED, actor, account, name=account.name)
        rotate_token(account, generate_secret(), actor=actor)
    return account


def main() -> None:
    parser = ArgumentParser(prog="python -m benchmarks.sample_log", description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000, help="number of attempts (10000)")
    parser.add_argument("--days", type=int, default=400, help="days that they span (400)")
    parser.add_argument("--accounts", type=int, default=12, help="number of accounts (12)")
    parser.add_argument("--batch", type=int, default=20, help="attempts under one seal (20)")
    options = parser.parse_args()
    try:
        fill(**vars(options))
    except BenchmarkError as error:
        sys.exit(f"benchmarks.sample_log: {error}")
    sys.stdout.write(f"Appended {options.rows:,} attempts for {options.accounts} accounts.\n")


if __name__ == "__main__":
    main()
