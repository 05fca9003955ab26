from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test import Client

from benchmarks import sample_log
from benchmarks.errors import BenchmarkError
from verification.audit_log.verifier import verify_audit
from verification.models import OfficialAccount, VerificationAttempt
from verification.tests.support.adapter import A
from verification.tests.support.signer import verification


@pytest.fixture
def _local(settings: Any) -> None:
    settings.LOCAL = True


@pytest.mark.postgresql
@pytest.mark.usefixtures("_local")
class TestOnPostgresql:
    def test_the_log_is_sealed_like_any_other(self, brand_a: OfficialAccount) -> None:
        sample_log.fill(rows=250, accounts=3, batch=20)
        report = verify_audit()

        assert report.problems == []
        assert (report.attempts, report.seals) == (250, 13)

    def test_it_continues_where_the_log_ends(self, brand_a: OfficialAccount) -> None:
        for _time in range(2):
            Client().get(f"/wechat/brand-a?{verification(A)}")
            sample_log.fill(rows=30)

        assert verify_audit().problems == []
        assert VerificationAttempt.objects.count() == 62

    def test_a_number_below_one_is_refused(self, db: None) -> None:
        with pytest.raises(BenchmarkError, match="must be 1 or more"):
            sample_log.fill(rows=0)


def test_a_deployment_refuses_a_sample_log(db: None, settings: Any) -> None:
    settings.LOCAL = False
    with pytest.raises(BenchmarkError, match="must not be added to a deployment"):
        sample_log.fill()


@pytest.mark.usefixtures("_local", "db")
@pytest.mark.skipif(connection.vendor == "postgresql", reason="is about SQLite")
def test_sqlite_is_refused() -> None:
    with pytest.raises(BenchmarkError, match="needs PostgreSQL"):
        sample_log.fill()
