from __future__ import annotations

from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.test import Client

from verification.audit_log.verifier import verify_audit
from verification.models import OfficialAccount, VerificationAttempt
from verification.tests.contract import A
from verification.tests.signer import verification


@pytest.fixture
def _local(settings: Any) -> None:
    settings.LOCAL = True


@pytest.mark.postgresql
@pytest.mark.usefixtures("_local")
class TestOnPostgresql:
    def test_the_log_is_sealed_like_any_other(self, brand_a: OfficialAccount) -> None:
        call_command("make_attempts", rows=250, accounts=3, batch=20)
        report = verify_audit()

        assert report.problems == []
        assert (report.attempts, report.seals) == (250, 13)

    def test_it_goes_on_where_the_log_ends(self, brand_a: OfficialAccount) -> None:
        for _time in range(2):
            Client().get(f"/wechat/brand-a?{verification(A)}")
            call_command("make_attempts", rows=30)

        assert verify_audit().problems == []
        assert VerificationAttempt.objects.count() == 62

    def test_what_makes_no_log_is_refused(self, db: None) -> None:
        with pytest.raises(CommandError, match="are 1 or more"):
            call_command("make_attempts", rows=0)


def test_a_deployment_has_no_made_up_attempts(db: None, settings: Any) -> None:
    settings.LOCAL = False
    with pytest.raises(CommandError, match="a copy on your own machine"):
        call_command("make_attempts")


@pytest.mark.usefixtures("_local", "db")
@pytest.mark.skipif(connection.vendor == "postgresql", reason="says so where it cannot")
def test_sqlite_is_not_filled() -> None:
    with pytest.raises(CommandError, match="This fills PostgreSQL"):
        call_command("make_attempts")
