#!/usr/bin/env python3
"""Measure the pages of the audit log, and the size of its rows, in a log of a given size.

    script/with_postgres.py .venv/bin/python benchmarks/audit_log.py --rows 10000 > small.md
    script/with_postgres.py .venv/bin/python benchmarks/audit_log.py --rows 10000000 > large.md

Fills the empty PostgreSQL of DATABASE_URL with made-up attempts of 400 days (ten million take about
ten minutes and 4 GB). Then requests each page that an auditor opens, through Django without a
network. Prints tables in Markdown, and the plan of each page's slowest query of the attempts.

Milliseconds are processor time of Django and PostgreSQL together. On an idle machine with the log
in memory, elapsed time is the same; on a busy one, it would include the other work. Needs Linux.
"""

from __future__ import annotations

import logging
import os
import statistics
import sys
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import django

sys.path.insert(0, str(Path(__file__).parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "wechat_gateway.settings")
os.environ["WECHAT_GATEWAY_LOCAL"] = "1"
os.environ.setdefault("SECRET_KEY", "only-for-a-benchmark-" * 3)
os.environ.setdefault("TOKEN_ENCRYPTION_KEYS", "only-for-a-benchmark-" * 2)
django.setup()

from django.conf import settings  # noqa: E402 - needs django.setup()
from django.contrib.auth.models import User  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402

from benchmarks import sample_log  # noqa: E402
from benchmarks.processor_time import processor_seconds  # noqa: E402
from verification.models import OfficialAccount, Seal, VerificationAttempt  # noqa: E402

ADMIN = "/admin/verification/"
TABLE = VerificationAttempt._meta.db_table
#: Requests of each page, after one to warm up.
REPETITIONS = 7


def main() -> None:
    parser = ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rows", type=int, default=10_000)
    rows = parser.parse_args().rows
    logging.disable()
    fill(rows)
    write(f"## {VerificationAttempt.objects.count():,} attempts\n")
    write("| page | ms | shortest | elapsed | queries |\n|---|--:|--:|--:|--:|")
    plans = dict(measure(name, ADMIN + path) for name, path in pages().items())
    write_sizes()
    write("\n### Plan of each page's slowest query of the attempts\n")
    for name, plan in plans.items():
        write(f"{name}\n\n```\n{plan}\n```\n")


def write(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def fill(rows: int) -> None:
    call_command("migrate", verbosity=0)
    if not VerificationAttempt.objects.exists():
        sample_log.fill(rows=rows)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")  # autovacuum would do the same some minutes later


def pages() -> dict[str, str]:
    """Return the pages that an auditor opens, by name.

    The attempt that the searches look for is 30 days old.
    """
    last = VerificationAttempt.objects.latest("id")
    target = VerificationAttempt.objects.filter(
        id__gte=last.id - last.id * 30 // 400, reason=None, kind=1
    ).earliest("id")
    account = OfficialAccount.objects.earliest("id").pk
    silent, _ = OfficialAccount.objects.get_or_create(slug="silent", name="Never called")
    filters = {
        "the list as it opens": "",
        "this month": "period=this_month",
        "last month": "period=last_month",
        "this quarter": "period=this_quarter",
        "last quarter": "period=last_quarter",
        "a page in the middle": f"before={target.pk}",
        "newer than that": f"after={target.pk}",
        "accepted": "outcome=accepted",
        "refused": "outcome=refused",
        "a reason": "reason=signature_mismatch",
        "a reason that no attempt has": "reason=no_token",
        "an account": f"account={account}",
        "an account, refused": f"account={account}&outcome=refused",
        "an account that was never called": f"account={silent.pk}",
        "no account": "account=none",
        "message pushes": "kind=message_push",
        "self-tests": "kind=self_test",
        "all kinds": "kind=all",
        "internet noise": "kind=all&noise=only",
        "noise of an account": f"kind=all&noise=only&account={account}",
        "noise of an account never called": f"kind=all&noise=only&account={silent.pk}",
        "noise with a rare reason": "kind=all&noise=only&reason=method_not_allowed",
        "search: IP": f"q={target.client_ip}",
        "search: IP, all kinds": f"kind=all&q={target.client_ip}",
        "search: IP that never called": "q=192.0.2.1",
        "search: request id": f"q={target.request_id}",
        "search: request id that is not there": "q=5d0c2f1e-8f4a-4c67-9d1c-0a2b3c4d5e6f",
    }
    return {
        **{name: f"verificationattempt/?{query}" for name, query in filters.items()},
        "an attempt, accepted": f"verificationattempt/{target.pk}/change/",
        "an attempt, refused": f"verificationattempt/{first_refused_since(target.id)}/change/",
        "accounts": "officialaccount/",
        "an account's page": f"officialaccount/{account}/change/",
        "page of an account that was never called": f"officialaccount/{silent.pk}/change/",
        "its live line": f"officialaccount/{silent.pk}/live/",
        "sign off": "changeevent/sign-offs/new/",
    }


def first_refused_since(attempt_id: int) -> int:
    refused = VerificationAttempt.objects.filter(id__gte=attempt_id, reason=1, kind=1)
    return int(refused.earliest("id").pk)


def measure(name: str, path: str) -> tuple[str, str]:
    """Write a page's row of the table, and return its name and the plan of its slowest query.

    Only queries of the attempts count.
    """
    client = auditor()
    with recorded_queries() as queries:
        assert client.get(path).status_code == 200, path
    used, elapsed = zip(*(time_once(client, path) for _ in range(REPETITIONS)), strict=True)
    median, shortest = statistics.median(used), min(used)
    write(f"| {name} | {median:.1f} | {shortest:.1f} | {min(elapsed):.0f} | {len(queries)} |")
    plans = [(seconds, plan) for seconds, sql, plan in queries if TABLE in sql and plan]
    return name, max(plans, default=(0, ""))[1]


def time_once(client: Client, path: str) -> tuple[float, float]:
    """Return the milliseconds of processor time and those elapsed."""
    processor, clock = processor_seconds(), time.perf_counter()
    client.get(path)
    return (processor_seconds() - processor) * 1000, (time.perf_counter() - clock) * 1000


def auditor() -> Client:
    """Return a browser in which the auditor is signed in."""
    settings.ALLOWED_HOSTS.append("testserver")
    user, _ = User.objects.get_or_create(username="wang.fang", is_staff=True, is_superuser=True)
    client = Client()
    client.force_login(user)
    return client


@contextmanager
def recorded_queries() -> Iterator[list[tuple[float, str, str]]]:
    """Provide a list that is filled with each statement's seconds, SQL and plan."""
    queries: list[tuple[float, str, str]] = []

    def record(execute: Any, sql: str, parameters: Any, many: bool, context: Any) -> Any:
        started = time.perf_counter()
        result = execute(sql, parameters, many, context)
        queries.append((time.perf_counter() - started, sql, explain(sql, parameters)))
        return result

    with connection.execute_wrapper(record):
        yield queries


def explain(sql: str, parameters: Any) -> str:
    """Return the plan of a SELECT with its timing, and an empty string for other statements."""
    if not sql.lstrip().startswith("SELECT"):
        return ""
    # psycopg2's cursor, so that `record` does not see this statement. It runs in the same
    # transaction, with its settings.
    with connection.connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS) {sql}", parameters)
        return "\n".join(line for (line,) in cursor.fetchall())


def write_sizes() -> None:
    """Write the bytes an attempt takes in the table and in each index, and those of its seal."""
    rows = VerificationAttempt.objects.count()
    write("\n| on disk | bytes an attempt |\n|---|--:|")
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT indexrelid::regclass::text, pg_relation_size(indexrelid) FROM pg_index"
            " WHERE indrelid = %s::regclass ORDER BY 1",
            [TABLE],
        )
        parts = [("rows", relation_size(TABLE)), *cursor.fetchall()]
    for name, size in [*parts, ("total", sum(size for _, size in parts))]:
        write(f"| {name} | {size / rows:.1f} |")
    write(f"| seals, not in the total | {relation_size(Seal._meta.db_table) / rows:.1f} |")


def relation_size(table: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_table_size(%s)", [table])
        return int(cursor.fetchone()[0])


if __name__ == "__main__":
    main()
