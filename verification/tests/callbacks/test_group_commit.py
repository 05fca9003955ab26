"""Callbacks that arrive while a batch is being committed share the next one."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from verification.callbacks import group_commit
from verification.callbacks.group_commit import GroupCommit
from verification.callbacks.recording import PoisonedBatch, Unrecorded
from verification.protocol.callback import Callback
from verification.protocol.enums import Outcome
from verification.protocol.reply import Verdict
from verification.tests.support.adapter import A
from verification.tests.support.callback_factory import make_callback
from verification.tests.support.signer import verification

PASSED = Verdict(outcome=Outcome.ACCEPTED, status=200)


class Database:
    """Replaces verify(): notes each batch, and waits until may_commit is set."""

    def __init__(self, poison: str = "", error: Exception | None = None) -> None:
        self.batches: list[list[str]] = []
        self.is_busy = threading.Event()
        self.may_commit = threading.Event()
        self.may_commit.set()
        self.poison, self.error = poison, error

    def verify(self, callbacks: Sequence[Callback]) -> list[Verdict]:
        nonces = [callback.nonce for callback in callbacks]
        self.batches.append(nonces)
        self.is_busy.set()
        self.may_commit.wait(5)
        if self.error:
            raise self.error
        if self.poison in nonces:
            raise PoisonedBatch("DataError")
        return [PASSED] * len(callbacks)

    def probe_database(self) -> Exception | None:
        return self.error


def replace_database(monkeypatch: pytest.MonkeyPatch, database: Database) -> Database:
    monkeypatch.setattr(group_commit, "verify", database.verify)
    monkeypatch.setattr(group_commit, "probe_database", database.probe_database)
    return database


def callbacks(*nonces: str) -> list[Callback]:
    return [make_callback(verification(A, nonce=nonce)) for nonce in nonces]


async def outcomes(commits: GroupCommit, calls: list[Callback]) -> list[Verdict | BaseException]:
    return await asyncio.gather(*map(commits.submit, calls), return_exceptions=True)


def test_what_arrives_during_a_commit_shares_the_next_one(monkeypatch: pytest.MonkeyPatch) -> None:
    database = replace_database(monkeypatch, Database())
    database.may_commit.clear()
    first, *others = callbacks("1", "2", "3", "4")

    async def arrive() -> list[Verdict | BaseException]:
        commits = GroupCommit()
        before = commits.submit(first)
        await asyncio.to_thread(database.is_busy.wait, 5)
        later = [commits.submit(callback) for callback in others]
        database.may_commit.set()
        return await asyncio.gather(before, *later)

    assert asyncio.run(arrive()) == [PASSED] * 4
    assert database.batches == [["1"], ["2", "3", "4"]]


def test_a_poisoned_callback_fails_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    replace_database(monkeypatch, Database(poison="3"))

    async def arrive() -> list[Verdict | BaseException]:
        return await outcomes(GroupCommit(), callbacks("1", "2", "3", "4", "5"))

    results = asyncio.run(arrive())
    failed = [isinstance(result, Unrecorded) for result in results]
    assert failed == [False, False, True, False, False]


def test_without_a_database_no_batch_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_commit, "PROBE_INTERVAL", 0.01)
    database = replace_database(monkeypatch, Database(error=Unrecorded("OperationalError")))

    async def arrive() -> list[Verdict | BaseException]:
        commits = GroupCommit()
        results = await outcomes(commits, callbacks("1", "2", "3"))
        await until(lambda: bool(commits.outage))
        database.error = None
        await until(lambda: not commits.outage)
        return results

    assert all(isinstance(result, Unrecorded) for result in asyncio.run(arrive()))
    assert sum(len(batch) for batch in database.batches) <= 3


def test_callbacks_do_not_wait_for_an_unavailable_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_commit, "PROBE_INTERVAL", 0.01)
    database = replace_database(monkeypatch, Database(error=Unrecorded("OperationalError")))
    first, second, third = callbacks("1", "2", "3")

    async def arrive() -> Verdict:
        commits = GroupCommit()
        await outcomes(commits, [first])
        await until(lambda: bool(commits.outage))
        with pytest.raises(Unrecorded, match="unavailable"):
            commits.submit(second)
        database.error = None
        await until(lambda: not commits.outage)
        return await commits.submit(third)

    assert asyncio.run(arrive()) == PASSED
    assert database.batches == [["1"], ["3"]]


def test_one_failed_batch_does_not_open_the_circuit(monkeypatch: pytest.MonkeyPatch) -> None:
    database = replace_database(monkeypatch, Database(error=Unrecorded("lock timeout")))
    monkeypatch.setattr(group_commit, "probe_database", lambda: None)

    async def arrive() -> Verdict:
        commits = GroupCommit()
        failed = await outcomes(commits, callbacks("1"))
        assert isinstance(failed[0], Unrecorded)
        database.error = None
        return await commits.submit(callbacks("2")[0])

    assert asyncio.run(arrive()) == PASSED


def test_a_late_callback_does_not_fail_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    database = replace_database(monkeypatch, Database())
    late, fresh = callbacks("1", "2")
    late = replace(late, started=time.perf_counter() - 2.1)

    async def arrive() -> Verdict:
        commits = GroupCommit()
        commits.submit(late)
        return await commits.submit(fresh)

    assert asyncio.run(arrive()) == PASSED
    assert database.batches == [["2"]]


def test_the_writer_survives_an_unexpected_error(monkeypatch: pytest.MonkeyPatch) -> None:
    database = replace_database(monkeypatch, Database(error=ZeroDivisionError()))
    monkeypatch.setattr(group_commit, "probe_database", lambda: None)
    first, second = callbacks("1", "2")

    async def arrive() -> Verdict:
        commits = GroupCommit()
        failed = await outcomes(commits, [first])
        assert isinstance(failed[0], Unrecorded)
        database.error = None
        return await commits.submit(second)

    assert asyncio.run(arrive()) == PASSED


async def until(condition: Callable[[], bool]) -> None:
    for _ in range(500):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("The condition was never met.")


def test_a_callback_is_refused_at_once_when_too_many_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_commit, "MAX_WAITING", 2)
    database = replace_database(monkeypatch, Database())
    database.may_commit.clear()
    first, *others = callbacks("1", "2", "3", "4")

    async def arrive() -> None:
        commits = GroupCommit()
        begun = commits.submit(first)
        await asyncio.to_thread(database.is_busy.wait, 5)
        waiting = [commits.submit(callback) for callback in others[:2]]
        with pytest.raises(Unrecorded, match="too many"):
            commits.submit(others[2])
        database.may_commit.set()
        await asyncio.gather(begun, *waiting)

    asyncio.run(arrive())


def test_a_cancelled_callback_is_not_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    database = replace_database(monkeypatch, Database())
    database.may_commit.clear()
    first, second, third = callbacks("1", "2", "3")

    async def arrive() -> None:
        commits = GroupCommit()
        begun = commits.submit(first)
        await asyncio.to_thread(database.is_busy.wait, 5)
        commits.submit(second).cancel()
        last = commits.submit(third)
        database.may_commit.set()
        await asyncio.gather(begun, last)

    asyncio.run(arrive())
    assert database.batches == [["1"], ["3"]]


def test_the_size_of_a_batch_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_commit, "MAX_BATCH_SIZE", 2)
    database = replace_database(monkeypatch, Database())
    database.may_commit.clear()

    async def arrive() -> None:
        commits = GroupCommit()
        waiting = [commits.submit(callback) for callback in callbacks("1", "2", "3", "4", "5")]
        database.may_commit.set()
        await asyncio.gather(*waiting)

    asyncio.run(arrive())
    assert max(len(batch) for batch in database.batches) == 2
    assert [nonce for batch in database.batches for nonce in batch] == ["1", "2", "3", "4", "5"]


def test_the_next_batch_begins_when_all_clients_have_asked_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(group_commit, "GATHER_DELAY", 60)
    database = replace_database(monkeypatch, Database())
    database.may_commit.clear()
    first, *others = callbacks("1", "2", "3", "4", "5")

    async def ask_twice(commits: GroupCommit, once: Callback, again: Callback) -> None:
        await commits.submit(once)
        await commits.submit(again)

    async def arrive() -> None:
        commits = GroupCommit()
        begun = commits.submit(first)
        await asyncio.to_thread(database.is_busy.wait, 5)
        clients = [ask_twice(commits, others[n], others[n + 2]) for n in range(2)]
        answered = asyncio.gather(begun, *clients)
        await asyncio.sleep(0.01)  # so that both are waiting, and the writer has been told
        database.may_commit.set()
        async with asyncio.timeout(5):
            await answered

    asyncio.run(arrive())
    assert database.batches == [["1"], ["2", "3"], ["4", "5"]]
