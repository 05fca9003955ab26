"""A value that Python cannot read, put there by the database's owner, keeps nothing from working.

PostgreSQL stores times of other years than Python does, infinite ones, and JSON of any shape.
"""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from verification import change_log
from verification.accounts.tokens import rotate_token
from verification.alerts.watch import Watch
from verification.audit_log.verifier import verify_audit
from verification.callbacks.readiness import check_readiness
from verification.change_log import Action
from verification.models import Alert, ChainHead, ChangeEvent, OfficialAccount
from verification.models import VerificationAttempt as Attempt
from verification.tests.support.accounts import LI_WEI
from verification.tests.support.adapter import A
from verification.tests.support.admin_client import wechat_verifies
from verification.tests.support.tampering import as_owner

pytestmark = pytest.mark.postgresql

TIMES = ["infinity", "-infinity", "20000-01-01", "0044-03-15 BC", "9999-12-31 23:59:59"]
#: JSON of an event that a process with a key that was removed since may have recorded.
DIGESTS = [
    "[1]",
    '{"x": {"settings": {}}}',
    '{"1": [1]}',
    '{"1": {"tokens": [1]}}',
    '{"1": {"tokens": {"x end": "5"}}}',
    '{"1": {"settings": {"name": 5}}}',
]
FACTS = ["[1]", "null", "5", '{"changes": 5}', '{"a": 1e6000}', "[" * 3000 + "]" * 3000]
PAGES = ["verification/seal/integrity/", "verification/changeevent/sign-offs/"]
PAGES += ["verification/changeevent/", "verification/officialaccount/"]
PAGES += ["verification/verificationattempt/", "verification/tally/", "verification/seal/", ""]


def expect_report(li_wei: User) -> None:
    """Expect that the check and the watch report it, and that each page can still be read."""
    assert verify_audit().problems
    assert Watch([]).run_round().has_log_problem
    assert Alert.objects.filter(key="chain_broken").exists()
    assert check_readiness().is_ready
    client = Client()
    client.force_login(li_wei)
    pages = {page: client.get(f"/admin/{page}").status_code for page in PAGES}
    assert pages == dict.fromkeys(PAGES, 200)


@pytest.mark.parametrize("time", TIMES)
@pytest.mark.parametrize(
    ("model", "column"),
    [
        (Attempt, "recorded_at"),
        (ChangeEvent, "recorded_at"),
        (OfficialAccount, "updated_at"),
        (ChainHead, "last_recorded_at"),
    ],
)
def test_a_time_that_python_cannot_read(
    model: type[Attempt], column: str, time: str, brand_a: OfficialAccount, li_wei: User
) -> None:
    wechat_verifies(brand_a, A)
    as_owner(model, f"UPDATE {{table}} SET {column} = '{time}'")

    expect_report(li_wei)


@pytest.mark.parametrize("facts", FACTS)
def test_facts_that_record_did_not_write(
    facts: str, brand_a: OfficialAccount, li_wei: User
) -> None:
    rotate_token(brand_a, "NewTokenOfBrandA99", LI_WEI, keep_old=timedelta(0))
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        table = ChangeEvent._meta.db_table
        cursor.execute(f"UPDATE {table} SET facts = %s, action = %s", [facts, Action.TOKEN_KEPT])
        cursor.execute("SET session_replication_role = origin")

    expect_report(li_wei)


@pytest.mark.parametrize("facts", [*FACTS, '{"first": 1, "last": "soon"}'])
def test_a_sign_off_that_record_did_not_write(
    facts: str, brand_a: OfficialAccount, li_wei: User
) -> None:
    change_log.record(Action.SIGNED_OFF, LI_WEI)
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("UPDATE verification_changeevent SET facts = %s", [facts])
        cursor.execute("SET session_replication_role = origin")

    expect_report(li_wei)
    client = Client()
    client.force_login(li_wei)
    sign_off = ChangeEvent.objects.get(action=Action.SIGNED_OFF).pk
    page = client.get(f"/admin/verification/changeevent/sign-offs/{sign_off}/", follow=True)
    assert f"Change event {sign_off} was altered" in page.text


@pytest.mark.parametrize("digests", DIGESTS)
def test_an_event_of_an_unknown_key_that_describes_accounts_otherwise(
    digests: str, brand_a: OfficialAccount, li_wei: User
) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        table = ChangeEvent._meta.db_table
        cursor.execute(f"UPDATE {table} SET account_digests = %s, key_id = 'deadbeef'", [digests])
        cursor.execute("SET session_replication_role = origin")

    expect_report(li_wei)
