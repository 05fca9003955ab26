from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.db import connection

from verification.models import OfficialAccount, VerificationAttempt
from verification.tests.support.adapter import A
from verification.tests.support.gunicorn import Gunicorn, database_url, running_gunicorn
from verification.tests.support.proxy import Proxy
from verification.tests.support.signer import verification

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]

#: The message that writes and commits a batch.
RECORD = b"verification_record("
CALLERS = 8


@pytest.fixture
def proxy(transactional_db: None) -> Iterator[Proxy]:
    config = connection.settings_dict
    with Proxy((config["HOST"], int(config["PORT"]))) as proxy:
        yield proxy


@pytest.fixture
def server(proxy: Proxy, tmp_path: Path) -> Iterator[Gunicorn]:
    """Run a gunicorn of one worker that reaches PostgreSQL only through the proxy."""
    url = database_url().replace(f":{connection.settings_dict['PORT']}/", f":{proxy.address[1]}/")
    with running_gunicorn(tmp_path / "output", DATABASE_URL=url, WEB_CONCURRENCY="1") as server:
        yield server


def ask(server: Gunicorn) -> tuple[int, bytes, float]:
    """Send a URL verification. Return the status, the body and the seconds it took."""
    started = time.perf_counter()
    target = f"/wechat/brand-a?{verification(A)}"
    head, _, body = server.send(f"GET {target} HTTP/1.0\r\n\r\n".encode()).partition(b"\r\n\r\n")
    return int(head.split(b" ", 2)[1]), body, time.perf_counter() - started


def wait_for_recovery(server: Gunicorn) -> tuple[int, bytes, float]:
    for _ in range(50):
        answer = ask(server)
        if answer[0] != 503:
            return answer
        time.sleep(0.1)
    raise AssertionError("The server did not recover.")


def unrecorded_lines(server: Gunicorn) -> list[dict[str, object]]:
    records = map(json.loads, server.lines())
    return [record for record in records if record.get("event") == "attempt_unrecorded"]


def test_without_a_database_every_reply_is_try_again(
    brand_a: OfficialAccount, proxy: Proxy, server: Gunicorn
) -> None:
    assert ask(server)[0] == 200
    proxy.stop()
    answers = [ask(server) for _ in range(5)]

    assert {answer[:2] for answer in answers} == {(503, b"try again")}
    assert max(seconds for _, _, seconds in answers) < 3
    assert len(unrecorded_lines(server)) == 5
    assert VerificationAttempt.objects.count() == 1

    proxy.start()
    assert wait_for_recovery(server)[:2] == (200, b"4375120948345356249")


def test_a_restart_of_an_idle_database_fails_no_callback(
    brand_a: OfficialAccount, proxy: Proxy, server: Gunicorn
) -> None:
    assert ask(server)[0] == 200
    proxy.stop()
    proxy.start()

    assert ask(server)[0] == 200


def test_a_callback_does_not_wait_for_a_hanging_database(
    brand_a: OfficialAccount, proxy: Proxy, server: Gunicorn
) -> None:
    assert ask(server)[0] == 200
    proxy.is_dropping.set()
    status, body, seconds = ask(server)

    assert (status, body) == (503, b"try again")
    assert 2 < seconds < 3
    assert unrecorded_lines(server)[-1]["why"]

    proxy.is_dropping.clear()
    assert wait_for_recovery(server)[:2] == (200, b"4375120948345356249")
    assert VerificationAttempt.objects.count() == 2  # Only what was answered is recorded.


def test_callbacks_do_not_wait_for_an_unavailable_database(
    brand_a: OfficialAccount, proxy: Proxy, server: Gunicorn
) -> None:
    assert ask(server)[0] == 200
    proxy.is_dropping.set()
    ask(server)
    answers = [ask(server) for _ in range(20)]

    assert {answer[:2] for answer in answers} == {(503, b"try again")}
    assert sorted(seconds for _, _, seconds in answers)[17] < 1  # Each would have waited 2.3 s.
    reasons = {str(line["why"]) for line in unrecorded_lines(server)[2:]}
    assert {reason.partition(":")[0] for reason in reasons} == {"the database is unavailable"}


def test_a_batch_whose_commit_is_uncertain_is_not_recorded_twice(
    brand_a: OfficialAccount, proxy: Proxy, server: Gunicorn
) -> None:
    assert ask(server)[0] == 200
    proxy.delay, proxy.cuts_after = 0.05, RECORD  # The delay lets callers share a batch.
    with ThreadPoolExecutor(CALLERS) as callers:
        answers = [*callers.map(lambda _: ask(server), range(CALLERS))]

    assert {answer[:2] for answer in answers} == {(503, b"try again")}
    recorded = VerificationAttempt.objects.values_list("request_id", flat=True)
    assert len(recorded) == len(set(recorded))
    assert 1 < len(recorded) <= 1 + CALLERS


def test_a_callback_does_not_wait_for_a_lock(brand_a: OfficialAccount, server: Gunicorn) -> None:
    from django.db import transaction

    assert ask(server)[0] == 200
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM verification_chainhead FOR UPDATE")
        assert ask(server)[:2] == (503, b"try again")

    assert ask(server)[0] == 200


def test_only_readiness_depends_on_the_database(proxy: Proxy, server: Gunicorn) -> None:
    proxy.stop()

    assert server.send(b"GET /healthz HTTP/1.0\r\n\r\n").endswith(b"ok")
    answer = server.send(b"GET /readyz HTTP/1.0\r\nHost: localhost\r\n\r\n")
    assert b" 503 " in answer.splitlines()[0]
    assert answer.endswith(b"The database cannot be reached.")
