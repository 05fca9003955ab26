from __future__ import annotations

from django.test import Client

from verification.audit import verify_audit
from verification.checks import latest_check, record_check
from verification.models import ChainHead, OfficialAccount, VerificationAttempt
from verification.tests.contract import A
from verification.tests.signer import verification
from verification.tests.tampering import as_owner


def test_a_check_says_who_looked_and_how_far(brand_a: OfficialAccount) -> None:
    Client().get(f"/wechat/brand-a?{verification(A)}")
    event = record_check(verify_audit(), "zhang.wei", "192.0.2.7")

    assert (event.actor, event.client_ip) == ("zhang.wei", "192.0.2.7")
    assert event.facts["head"] == ChainHead.objects.get().text
    assert event.facts["intact"]
    assert event.facts["attempts"] == 1


def test_the_latest_check_says_what_it_found(brand_a: OfficialAccount) -> None:
    Client().get(f"/wechat/brand-a?{verification(A)}")
    record_check(verify_audit(), "watch")
    as_owner(VerificationAttempt, "UPDATE {table} SET nonce = '1'")
    record_check(verify_audit(), "watch")

    check = latest_check()
    assert check
    assert not check.facts["intact"]
    assert check.facts["problems"] == ["Something in seal 1 (attempt 1) was altered."]
