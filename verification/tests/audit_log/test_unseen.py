"""What the owner of the database can do unseen, without a key and if nobody kept a head.

SECURITY.md lists the same under “What stays unseen”. A test that fails here is good news: then this
is seen now, and the line there has to go.
"""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from verification import change_log
from verification.accounts.pausing import pause
from verification.accounts.tokens import rotate_token
from verification.audit_log.verifier import verify_audit
from verification.auth.failures import add_to_tally
from verification.change_log import Action
from verification.models import (
    AESKey,
    ChainHead,
    ChangeEvent,
    FailureTally,
    OfficialAccount,
    Seal,
    Tally,
    Token,
    VerificationAttempt,
)
from verification.models.rotating_secret import OVERLAP
from verification.protocol.enums import Kind, Outcome
from verification.tests.support.accounts import LI_WEI, make_account
from verification.tests.support.adapter import A
from verification.tests.support.admin_client import wechat_pushes, wechat_verifies
from verification.tests.support.messages import AES_KEY, store_aes_key
from verification.tests.support.pruning import prune_older_than
from verification.tests.support.tampering import as_owner, triggers_off

NEW = "NewTokenOfBrandA99"


def is_unseen() -> bool:
    return verify_audit().problems == []


def test_the_newest_attempts_are_cut_off(brand_a: OfficialAccount) -> None:
    wechat_verifies(brand_a, A)
    last = Seal.objects.get()
    wechat_verifies(brand_a, "NobodysToken99")
    as_owner(VerificationAttempt, "DELETE FROM {table} WHERE id > 1")
    as_owner(Seal, "DELETE FROM {table} WHERE id > 1")
    as_owner(Tally, f"DELETE FROM {{table}} WHERE outcome = {Outcome.REFUSED}")
    head = ChainHead.objects.get()
    head.move_to(last)
    head.last_recorded_at = VerificationAttempt.objects.get().recorded_at
    head.save()

    assert is_unseen()


def test_the_newest_changes_are_cut_off_and_undone(brand_a: OfficialAccount) -> None:
    """Also a rotation: the token that leaked is valid again, and the new one is gone."""
    kept = ChangeEvent.objects.latest("id").pk
    before = Token.objects.get()
    rotate_token(brand_a, NEW, LI_WEI, keep_old=timedelta(0))
    with triggers_off(ChangeEvent, Token):
        ChangeEvent.objects.filter(id__gt=kept)._raw_delete(connection.alias)
        Token.objects.exclude(pk=before.pk)._raw_delete(connection.alias)
        before.save()

    assert is_unseen()
    assert brand_a.current_token == before


def test_a_change_that_a_person_makes_afterwards_covers_an_older_one_of_the_same_part(
    brand_a: OfficialAccount,
) -> None:
    OfficialAccount.objects.update(notes="somebody else's")
    pause(brand_a, LI_WEI)
    Token.objects.update(created_by="somebody else")
    call_command("rotate_encryption_keys", yes=True)

    assert is_unseen()


def test_a_replaced_token_stays_valid_if_the_first_use_of_the_new_one_is_removed(
    brand_a: OfficialAccount,
) -> None:
    rotate_token(brand_a, NEW, LI_WEI)
    wechat_verifies(brand_a, NEW)
    Token.objects.update(first_used_at=None)
    Token.objects.update(expires_at=None)

    assert is_unseen()


def test_a_replaced_token_ends_at_another_time_with_the_first_use_of_the_new_one(
    brand_a: OfficialAccount,
) -> None:
    rotate_token(brand_a, NEW, LI_WEI)
    wechat_verifies(brand_a, NEW)
    used = timezone.now() + timedelta(days=400)
    Token.objects.filter(superseded_at=None).update(first_used_at=used)
    Token.objects.exclude(superseded_at=None).update(expires_at=used + OVERLAP)

    assert is_unseen()


def test_a_key_counts_as_not_proven(brand_a: OfficialAccount) -> None:
    store_aes_key(brand_a, AES_KEY)
    AESKey.objects.update(first_used_at=timezone.now())
    assert is_unseen()
    AESKey.objects.update(first_used_at=None)

    assert is_unseen()


def test_accepted_messages_are_counted_differently(brand_a: OfficialAccount) -> None:
    wechat_pushes(brand_a, A)
    accepted = Tally.objects.filter(kind=Kind.MESSAGE_PUSH, outcome=Outcome.ACCEPTED)
    accepted.update(count=9)

    assert is_unseen()


def test_what_was_pruned_is_counted_differently(two_years: None) -> None:
    prune_older_than("400d")
    oldest = Tally.objects.order_by("hour")[:1].values("pk")
    Tally.objects.filter(pk__in=oldest).update(count=999)

    assert is_unseen()


def test_failed_sign_ins_beyond_the_first_are_counted_differently(db: None) -> None:
    add_to_tally(Action.SIGN_IN_FAILED, "203.0.113.7")
    FailureTally.objects.update(count=999)

    assert is_unseen()


def test_an_event_is_added_in_the_hour_after_the_upgrade_of_the_release_that_signed_none(
    db: None,
) -> None:
    ChangeEvent.objects.create(actor="li.wei", action=Action.SIGNED_IN)
    change_log.record(Action.SIGNED_IN, LI_WEI)
    ChangeEvent.objects.create(
        actor="li.wei", action=Action.EXPORTED, recorded_at=timezone.now() + timedelta(minutes=59)
    )

    assert is_unseen()


def test_such_an_event_hides_what_was_altered_of_its_account(brand_a: OfficialAccount) -> None:
    with triggers_off(ChangeEvent):
        ChangeEvent.objects.all()._raw_delete(connection.alias)
    ChangeEvent.objects.create(actor="li.wei", action=Action.SIGNED_IN)
    change_log.record(Action.ACCOUNTS_RECORDED, LI_WEI, changed_accounts=[brand_a.pk])
    ChangeEvent.objects.create(actor="li.wei", action=Action.ACCOUNT_CHANGED, account=brand_a)
    OfficialAccount.objects.update(notes="somebody else's")

    assert is_unseen()


@pytest.mark.django_db(transaction=True)
def test_the_database_is_taken_back_to_the_release_before_and_upgraded_again() -> None:
    make_account("brand-a", "TokenOfBrandA1234")
    call_command("migrate", "verification", "0009", verbosity=0)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE verification_officialaccount SET notes = 'somebody else''s'")
    call_command("migrate", verbosity=0)

    assert is_unseen()


def test_a_user_gets_another_password_or_more_rights(li_wei: User) -> None:
    User.objects.create(username="mallory", is_staff=True, is_superuser=True)
    User.objects.update(password=make_password("known to the owner"))

    assert is_unseen()


def test_security_md_lists_the_same() -> None:
    text = (Path(settings.BASE_DIR) / "SECURITY.md").read_text()
    section = text.split("\n## What stays unseen\n")[1].split("\n## ")[0]
    tests = {name for name in globals() if name.startswith("test_")}

    assert set(re.findall(r"`(test_\w+)`", section)) == tests - {"test_security_md_lists_the_same"}
