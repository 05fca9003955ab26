from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone

from verification.audit_log import integrity
from verification.audit_log.report import MISSING_SEAL_KEY_ADVICE
from verification.models import ChainHead, ChangeEvent, OfficialAccount, Seal, VerificationAttempt
from verification.tests.support.adapter import A
from verification.tests.support.admin_client import staff
from verification.tests.support.home import open_alert
from verification.tests.support.signer import verification
from verification.tests.support.tampering import as_owner, drop_trigger

PAGE = "/admin/verification/seal/integrity/"


@pytest.fixture
def wang_fang(on_record: OfficialAccount) -> Client:
    """Sign in the auditor, with a log of two attempts."""
    return staff("view_seal", "view_verificationattempt")


def text(client: Client) -> str:
    return client.get(PAGE).content.decode()


def check(client: Client) -> str:
    response = client.post(PAGE, follow=True)
    assert response.redirect_chain == [(PAGE, 302)]
    return response.content.decode()


def test_before_the_first_check_it_claims_nothing(wang_fang: Client) -> None:
    page = text(wang_fang)

    assert "Not checked yet" in page
    assert ChainHead.objects.get().text in page


def test_a_check_says_that_the_chain_is_intact_who_looked_and_when(wang_fang: Client) -> None:
    page = check(wang_fang)

    assert "Chain intact" in page
    assert "by wang.fang" in page
    event = ChangeEvent.objects.get(action=ChangeEvent.Action.LOG_CHECKED)
    assert (event.actor, event.client_ip) == ("wang.fang", "127.0.0.1")


def test_what_came_since_the_check_is_counted(wang_fang: Client) -> None:
    check(wang_fang)
    Client().get(f"/wechat/brand-a?{verification(A)}")

    assert "1 attempt was recorded since." in text(wang_fang)


def test_a_broken_chain_is_named_with_its_seal_and_what_to_do(wang_fang: Client) -> None:
    as_owner(VerificationAttempt, "UPDATE {table} SET nonce = '1' WHERE id = 2")
    page = check(wang_fang)

    assert "Broken at seal 2" in page
    assert "Something in seal 2 (attempt 2) was altered." in page
    assert "/admin/verification/seal/2/change/" in page
    assert "docs/RUNBOOK.md" in page


def test_a_missing_key_is_named_with_what_to_do_and_accuses_nobody(
    wang_fang: Client, settings: Any
) -> None:
    settings.TOKEN_ENCRYPTION_KEYS = ["the-key-of-2026-" * 3]
    page = check(wang_fang)
    home = wang_fang.get("/admin/").content.decode()

    assert f"The key {Seal.objects.get(pk=1).key_id} of seal 1 (attempt 1) is not in" in page
    for text in (page, home):
        assert "The log cannot be checked: a key is missing" in text
        assert str(MISSING_SEAL_KEY_ADVICE) in text
        for accusation in ("Broken at seal", "The log is not intact", "who could write"):
            assert accusation not in text


def test_a_check_without_time_says_how_far_it_got(
    wang_fang: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(integrity, "MAX_SECONDS", -1)
    monkeypatch.setattr("verification.audit_log.reader.MAX_SEALS", 1)

    assert "Intact up to seal 1 of 2" in check(wang_fang)


def test_an_empty_log_has_a_page_as_well(db: None) -> None:
    page = check(staff("view_seal"))

    assert "No attempts have been recorded yet." in page


def test_the_page_costs_the_same_however_long_the_log_is(
    wang_fang: Client,
    django_assert_num_queries: Callable[[int], AbstractContextManager[object]],
) -> None:
    check(wang_fang)
    queries = 17 if connection.vendor == "postgresql" else 16  # which tells the size on disk
    with django_assert_num_queries(queries):
        text(wang_fang)
    for _ in range(5):
        Client().get(f"/wechat/brand-a?{verification(A)}")
    with django_assert_num_queries(queries):
        text(wang_fang)


def test_a_table_that_differs_from_what_migrations_make_is_named_at_once(
    wang_fang: Client,
) -> None:
    assert "as migrations make it" not in text(wang_fang)
    drop_trigger()
    page = text(wang_fang)

    assert "The database is not as migrations make it" in page
    assert "The trigger seal_refuses_update of verification_seal is missing." in page
    assert "First keep the evidence" in page


def test_a_head_that_is_missing_is_told_although_what_is_left_is_intact(wang_fang: Client) -> None:
    open_alert(
        "head_went_back:7", "The log's head went back", text="Seen today.\nFollow the runbook."
    )
    open_alert("head_went_back:3", "Long ago", seen_at=timezone.now() - timedelta(hours=25))
    page = check(wang_fang)

    assert "Chain intact" in page
    assert "The log&#x27;s head went back" in page
    assert "<li>Follow the runbook.</li>" in page
    assert "Long ago" not in page
