"""An account is not accused of what an event says that somebody altered."""

from __future__ import annotations

import pytest

from verification import change_log
from verification.accounts.pausing import pause, resume
from verification.accounts.tokens import rotate_token
from verification.audit_log.report import LogState, Report
from verification.audit_log.verifier import verify_audit
from verification.change_log import Action
from verification.models import ChangeEvent, OfficialAccount, Token
from verification.tests.support.accounts import LI_WEI, make_account
from verification.tests.support.tampering import as_owner, triggers_off

NEW = "NewTokenOfBrandA99"


def alter(event: int, change: str = "actor = 'mallory'") -> None:
    as_owner(ChangeEvent, f"UPDATE {{table}} SET {change} WHERE id = {event}")


def last_event() -> int:
    return ChangeEvent.objects.latest("id").pk


def unproven(event: int, account: str = "Brand-A (brand-a)") -> str:
    return (
        f"{account} cannot be compared with the change log, because change event {event} is not "
        "genuine. Whether the account was altered cannot be proven."
    )


def verify() -> Report:
    report = verify_audit()
    assert report.state is LogState.NOT_INTACT
    return report


@pytest.mark.parametrize("change", ["actor = 'mallory'", "mac = NULL", "account_digests = NULL"])
def test_an_altered_rotation_accuses_no_token(brand_a: OfficialAccount, change: str) -> None:
    rotate_token(brand_a, NEW, LI_WEI)
    event = last_event()
    alter(event, change)
    report = verify()

    assert report.problems[0].startswith(f"Change event {event} ")
    assert report.problems[1:] == [unproven(event)]
    assert report.advice == []


def test_an_altered_addition_accuses_no_account(brand_a: OfficialAccount) -> None:
    event = ChangeEvent.objects.filter(account=brand_a).latest("id").pk
    alter(event)

    assert verify().problems[1:] == [unproven(event)]


def test_an_altered_event_does_not_excuse_an_altered_token(brand_a: OfficialAccount) -> None:
    before = Token.objects.values().get()
    rotate_token(brand_a, NEW, LI_WEI)
    event = last_event()
    alter(event)
    with triggers_off(Token):
        Token.objects.exclude(pk=before["id"]).delete()
        Token.objects.filter(pk=before["id"]).update(**before)

    assert unproven(event) in verify().problems


def test_other_accounts_are_compared_as_always(brand_a: OfficialAccount) -> None:
    other = make_account("brand-b", "TokenOfBrandB99")
    rotate_token(brand_a, NEW, LI_WEI)
    event = last_event()
    alter(event)
    OfficialAccount.objects.filter(pk=other.pk).update(is_paused=True)
    report = verify()

    assert unproven(event) in report.problems
    assert any("(brand-b): the field “paused” is not as" in problem for problem in report.problems)
    assert "Somebody may have changed an account" in report.advice[0]


def test_a_part_that_was_recorded_again_is_compared_again(brand_a: OfficialAccount) -> None:
    pause(brand_a, LI_WEI)
    event = last_event()
    resume(brand_a, LI_WEI)
    alter(event)
    OfficialAccount.objects.update(is_paused=True)
    problems = verify().problems

    assert unproven(event) in problems  # its token may have been changed by that event, too
    assert any("the field “paused” is not as change event" in problem for problem in problems)


def test_an_altered_deletion_accuses_nobody_of_deleting(db: None) -> None:
    account = make_account("brand-b", "TokenOfBrandB99")
    account_id = account.pk
    account.tokens.all().delete()
    account.delete()
    change_log.record(Action.ACCOUNT_DELETED, LI_WEI, changed_accounts=[account_id])
    event = last_event()
    alter(event)

    assert verify().problems[1:] == [unproven(event, f"Account {account_id}")]
