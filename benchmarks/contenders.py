"""The contenders, in the order in which each round runs them.

The peers do the least work that counts as the same task.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks.accounts import callers
from benchmarks.signed_requests import Caller

ROOT = Path(__file__).resolve().parent.parent
PEERS = ROOT / "benchmarks/peers"
SECRET = "only-for-a-benchmark-" * 3
#: The whole environment of the gateway's processes: they see no other variable of this machine.
GATEWAY_ENVIRONMENT = {
    "WECHAT_GATEWAY_LOCAL": "1",  # listens on loopback only
    "SECRET_KEY": SECRET,
    "TOKEN_ENCRYPTION_KEYS": SECRET,
    "WEB_CONCURRENCY": "2",
    "PYTHONPATH": str(ROOT),
}
PEER_ENVIRONMENT = {
    "NODE_ENV": "production",
    "NODE_PATH": os.environ.get("NODE_PATH", ""),
    "SECRET_KEY": SECRET,
    "TOKEN": callers(1)[0].token,
    "PYTHONPATH": f"{ROOT}:{os.environ.get('PEER_PACKAGES', '')}",
}
#: The number of connections where a server is measured with one number only.
BUSY_CONNECTIONS = 32
#: The size of the template `large`.
LARGE_ACCOUNTS, LARGE_ATTEMPTS = 1_000, 1_000_000


@dataclass(frozen=True, kw_only=True)
class Contender:
    name: str
    title: str
    template: str  #: the database that each run starts with a copy of
    compared_with: str = "ours"  #: the gateway that the report divides by this one
    connections: Sequence[int] = ()  #: overrides the numbers of connections that were chosen


@dataclass(frozen=True, kw_only=True)
class Server(Contender):
    #: Its port is {port}, or comes from the variable PORT. {backend} is that of the backend.
    command: Sequence[str]
    environment: dict[str, str]  #: {backend} here, too
    count_sql: str  #: counts the recorded requests; empty if the server records none
    callers: Sequence[Caller] = field(default_factory=lambda: callers(1))
    is_gateway: bool = False
    is_sent_pushes: bool = False  #: instead of URL checks
    checks_signatures: bool = True


@dataclass(frozen=True, kw_only=True)
class PgBench(Contender):
    script: Path
    setup: str = ""  #: SQL that is run before the load


def express(name: str, title: str, *, records: bool, **environment: str) -> Server:
    return Server(
        name=name,
        title=title,
        template="peers",
        command=["node", str(PEERS / "server.js")],
        # Two processes, as every contender has, answer 1.5 times as many requests as one.
        environment={
            **PEER_ENVIRONMENT,
            "WORKERS": "2",
            "RECORDS": "yes" if records else "",
            **environment,
        },
        count_sql="SELECT count(*) FROM attempt" if records else "",
    )


def threaded(name: str, title: str, module: str, *, threads: int, count_sql: str = "") -> Server:
    gunicorn = [sys.executable, "-m", "gunicorn", "--no-control-socket", "--keep-alive", "95"]
    processes = ["--worker-class", "gthread", "--workers", "2", "--threads", str(threads)]
    return Server(
        name=name,
        title=title,
        template="peers",
        command=[*gunicorn, *processes, "--bind", "127.0.0.1:{port}", f"benchmarks.peers.{module}"],
        environment=PEER_ENVIRONMENT,
        count_sql=count_sql,
    )


def gateway(
    name: str,
    title: str,
    template: str = "one",
    called: Sequence[Caller] = (),
    connections: Sequence[int] = (),
) -> Server:
    """Return this gateway, started as the Procfile starts it."""
    lines = (ROOT / "Procfile").read_text().splitlines()
    [web] = [line for line in lines if line.startswith("web: ")]
    return Server(
        name=name,
        title=title,
        template=template,
        connections=connections,
        command=[sys.executable, "-m", *shlex.split(web.removeprefix("web: "))],
        environment=GATEWAY_ENVIRONMENT,
        count_sql="SELECT count(*) FROM verification_verificationattempt",
        callers=called or callers(1),
        is_gateway=True,
    )


def nginx(name: str, title: str, *arguments: str) -> Server:
    return Server(
        name=name,
        title=title,
        template="peers",
        command=[sys.executable, "-m", "benchmarks.peers.nginx", "{port}", *arguments],
        environment={"PYTHONPATH": str(ROOT)},
        count_sql="",
        checks_signatures=False,
    )


def passing_on(server: Server) -> Server:
    """Return the server with a backend, which it passes message pushes on to."""
    return replace(
        server,
        compared_with="relay",
        # With more for one account, the gateway's limit of pushes in flight is reached.
        connections=[1, BUSY_CONNECTIONS],
        is_sent_pushes=True,
    )


CONTENDERS: list[Contender] = [
    gateway("ours", "this gateway"),
    express("express-pg", "Express + `pg`, one awaited INSERT", records=True),
    express("express", "Express, nothing recorded", records=False),
    # 4 threads: slow requests hold up others with 2, and 16 compete for the processor.
    threaded("flask", "Flask + wechatpy, nothing recorded", "flask_wechatpy:app", threads=4),
    threaded(
        "django",
        "Django view, full middleware, get + create",
        "plain_django:application",
        threads=4,
        count_sql="SELECT count(*) FROM attempt",
    ),
    PgBench(
        name="pgbench",
        title="`pgbench`, one INSERT, no HTTP",
        template="peers",
        script=PEERS / "insert.pgbench.sql",
    ),
    PgBench(
        name="same-work",
        title="`pgbench`, the reads and writes of one callback to an idle gateway",
        template="one",
        connections=[1],
        script=ROOT / "benchmarks/same_reads_and_writes.pgbench.sql",
        setup="INSERT INTO verification_chainhead (id, last_attempt_id, last_seal_id, last_digest)"
        " VALUES (1, 0, 0, '')",
    ),
    gateway(
        "grown",
        "1,000 accounts, 1,000,000 attempts; one account called",
        "large",
        connections=[BUSY_CONNECTIONS],
    ),
    gateway(
        "grown-all",
        "the same; all accounts called in turn",
        "large",
        callers(LARGE_ACCOUNTS),
        [BUSY_CONNECTIONS],
    ),
    gateway(
        "root-1",
        "at `/`, 1 account answers",
        "one",
        callers(1, at_root=True),
        [BUSY_CONNECTIONS],
    ),
    gateway(
        "root-50",
        "at `/`, 50 accounts answer in turn",
        "fifty",
        callers(50, at_root=True),
        [BUSY_CONNECTIONS],
    ),
]

#: One of its own is what the other contenders pass pushes on to.
BACKEND = nginx("direct", "the backend itself: nginx, `return 200 success`")
PUSH_CONTENDERS: list[Contender] = [
    passing_on(BACKEND),
    passing_on(
        replace(
            gateway("relay", "this gateway", "relay"),
            environment={**GATEWAY_ENVIRONMENT, "RELAY_PRIVATE_HOSTS": "127.0.0.1:{backend}"},
            # Accepted pushes are tallied, and have no rows.
            count_sql="SELECT coalesce(sum(count), 0) FROM verification_tally",
        )
    ),
    passing_on(nginx("proxy-pass", "nginx, `proxy_pass`, nothing recorded", "127.0.0.1:{backend}")),
    passing_on(
        express(
            "express-relay",
            "Express + `pg`, one awaited INSERT",
            records=True,
            BACKEND="http://127.0.0.1:{backend}",
        )
    ),
]
