"""What is compared, in the order of its turns. Peers do the least that can be called the same."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.accounts import callers
from benchmarks.signed_requests import Caller

ROOT = Path(__file__).resolve().parent.parent
PEERS = ROOT / "benchmarks/peers"
SECRET = "only-for-a-benchmark-" * 3
#: What every process of ours runs with, and nothing of this machine's own settings.
OURS = {
    "WECHAT_GATEWAY_LOCAL": "1",  # listens on loopback only
    "SECRET_KEY": SECRET,
    "TOKEN_ENCRYPTION_KEYS": SECRET,
    "WEB_CONCURRENCY": "2",
    "PYTHONPATH": str(ROOT),
}
PEER = {
    "NODE_ENV": "production",
    "NODE_PATH": os.environ.get("NODE_PATH", ""),
    "SECRET_KEY": SECRET,
    "TOKEN": callers(1)[0].token,
    "PYTHONPATH": f"{ROOT}:{os.environ.get('PEER_PACKAGES', '')}",
}
#: Growth is looked at where callers crowd, not at every number of connections.
CROWD = 32
#: How much `large` holds: accounts, attempts.
GROWN = 1_000, 1_000_000


@dataclass(frozen=True, kw_only=True)
class Contestant:
    name: str
    title: str
    template: str  #: the database that each of its turns starts with a copy of
    connections: Sequence[int] = ()  #: the only ones it is measured with, if not all


@dataclass(frozen=True, kw_only=True)
class Server(Contestant):
    command: Sequence[str]  #: with {port} in it, or in the variable PORT
    environment: dict[str, str]
    counts: str  #: the SQL that counts what it recorded; empty where it records nothing
    callers: Sequence[Caller] = field(default_factory=lambda: callers(1))
    is_ours: bool = False


@dataclass(frozen=True, kw_only=True)
class PgBench(Contestant):
    script: Path
    before: str = ""  #: SQL


def express(name: str, title: str, *, records: bool) -> Server:
    return Server(
        name=name,
        title=title,
        template="peers",
        command=["node", str(PEERS / "server.js")],
        # Two processes, as everybody has here, answer half as many again as one does.
        environment=PEER | {"WORKERS": "2", "RECORDS": "yes" if records else ""},
        counts="SELECT count(*) FROM attempt" if records else "",
    )


# 2 threads let slow requests wait, 16 stand in one another's way.
def threaded(name: str, title: str, module: str, *, threads: int, counts: str = "") -> Server:
    gunicorn = [sys.executable, "-m", "gunicorn", "--no-control-socket", "--keep-alive", "95"]
    processes = ["--worker-class", "gthread", "--workers", "2", "--threads", str(threads)]
    return Server(
        name=name,
        title=title,
        template="peers",
        command=[*gunicorn, *processes, "--bind", "127.0.0.1:{port}", f"benchmarks.peers.{module}"],
        environment=PEER,
        counts=counts,
    )


def ours(
    name: str,
    title: str,
    template: str = "one",
    called: Sequence[Caller] = (),
    connections: Sequence[int] = (),
) -> Server:
    """gunicorn as the Procfile starts it."""
    [web] = [it for it in (ROOT / "Procfile").read_text().splitlines() if it.startswith("web: ")]
    return Server(
        name=name,
        title=title,
        template=template,
        connections=connections,
        command=[sys.executable, "-m", *shlex.split(web.removeprefix("web: "))],
        environment=OURS,
        counts="SELECT count(*) FROM verification_verificationattempt",
        callers=called or callers(1),
        is_ours=True,
    )


CONTESTANTS: list[Contestant] = [
    ours("ours", "this gateway"),
    express("express-pg", "Express + `pg`, one awaited INSERT", records=True),
    express("express", "Express, nothing recorded", records=False),
    threaded("flask", "Flask + wechatpy, nothing recorded", "flask_wechatpy:app", threads=4),
    threaded(
        "django",
        "Django view, full middleware, get + create",
        "plain_django:application",
        threads=4,
        counts="SELECT count(*) FROM attempt",
    ),
    PgBench(
        name="pgbench",
        title="`pgbench`, one INSERT, no HTTP",
        template="peers",
        script=PEERS / "insert.pgbench.sql",
    ),
    PgBench(
        name="same-work",
        title="`pgbench`, the reads and writes of one idle callback of ours",
        template="one",
        connections=[1],
        script=ROOT / "benchmarks/same_reads_and_writes.pgbench.sql",
        before="INSERT INTO verification_chainhead (id, last_attempt_id, last_seal_id, last_digest)"
        " VALUES (1, 0, 0, '')",
    ),
    ours("grown", "1,000 accounts, 1,000,000 attempts; one called", "large", [], [CROWD]),
    ours("grown-all", "the same; all called in turn", "large", callers(GROWN[0]), [CROWD]),
    ours("root-1", "at `/`, 1 account answers", "one", callers(1, at_root=True), [CROWD]),
    ours("root-50", "at `/`, 50 answer, in turn", "fifty", callers(50, at_root=True), [CROWD]),
]
