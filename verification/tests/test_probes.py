from __future__ import annotations

import threading
import time
from functools import partial
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from verification import probes
from verification.callbacks.readiness import Readiness

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(("path", "body"), [("/healthz", b"ok"), ("/readyz", b"ready")])
@pytest.mark.parametrize("host", ["10.0.0.1:8000", "[::1]", "a.stranger.example", "no host"])
def test_a_probe_by_address_and_without_https_is_answered(
    path: str, body: bytes, host: str, settings: Any
) -> None:
    settings.SECURE_SSL_REDIRECT = True
    answer = Client(headers={"Host": host}).get(path)

    assert (answer.status_code, answer.content) == (200, body)


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_a_probe_changes_nothing_and_gets_no_cookie(path: str) -> None:
    assert Client().post(path).status_code != 200
    assert not Client().get(path).cookies


def test_other_pages_still_refuse_a_foreign_host() -> None:
    assert Client(headers={"Host": "10.0.0.1"}).get("/").status_code == 400


class TestManyProbes:
    """Anyone can ask /readyz as often as they like."""

    def test_within_a_second_cost_one_check(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(probes, "READINESS_AGE", 1.0)
        costs = []
        for seconds in (100.0, 100.1, 100.9, 101.0):
            monkeypatch.setattr(probes, "monotonic", partial(float, seconds))
            with CaptureQueriesContext(connection) as queries:
                assert Client().get("/readyz").content == b"ready"
            costs.append(len(queries))

        first, *others = costs
        assert first > 0
        assert others == [0, 0, first]

    def test_at_one_time_cost_one_check(self, monkeypatch: pytest.MonkeyPatch) -> None:
        checks = []

        def check() -> Readiness:
            checks.append(1)
            time.sleep(0.1)
            return Readiness(False, "The database cannot be reached.")

        monkeypatch.setattr(probes, "READINESS_AGE", 60.0)
        monkeypatch.setattr(probes, "check_readiness", check)
        answers: list[int] = []
        clients = [
            threading.Thread(target=lambda: answers.append(Client().get("/readyz").status_code))
            for _ in range(8)
        ]
        for client in clients:
            client.start()
        for client in clients:
            client.join()

        assert answers == [503] * 8
        assert len(checks) == 1
