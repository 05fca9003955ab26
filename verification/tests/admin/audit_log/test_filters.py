"""The filters of the change log and the tallies."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from verification import change_log
from verification.admin.audit_log.filters import ACTION_GROUPS
from verification.change_log import Action, Actor
from verification.models import ChangeEvent, OfficialAccount
from verification.tests.support.accounts import make_account
from verification.tests.support.admin_client import page
from verification.times import midnight

LOG, TALLIES = page("changeevent_changelist"), page("tally_changelist")


def rows(client: Client, url: str = LOG, **query: str) -> str:
    answer = client.get(url, query)
    assert answer.status_code == 200
    return answer.text.partition('id="result_list"')[2]


def put(action: Action, actor: str, days_ago: int = 0) -> ChangeEvent:
    moment = timezone.now() - timedelta(days=days_ago)
    return ChangeEvent.objects.create(action=action, actor=actor, recorded_at=moment)


def test_every_action_is_in_one_group() -> None:
    grouped = [action for _label, actions in ACTION_GROUPS.values() for action in actions]

    assert sorted(grouped) == sorted(Action)


def test_a_group_shows_all_its_actions_and_an_action_only_itself(li_wei_at_work: Client) -> None:
    put(Action.TOKEN_REVEALED, "wang.fang")
    put(Action.AES_KEY_REVEALED, "zhao.min")
    put(Action.SIGNED_OUT, "zhang.wei")

    group, one = (rows(li_wei_at_work, what=what) for what in ("secrets", "token_revealed"))
    assert "wang.fang" in group
    assert "zhao.min" in group
    assert "zhang.wei" not in group
    assert "wang.fang" in one
    assert "zhao.min" not in one


def test_the_chosen_action_stays_chosen(li_wei_at_work: Client) -> None:
    text = li_wei_at_work.get(LOG, {"what": "role_granted"}).text

    assert re.findall(r'<option value="(\w+)" selected>', text) == ["role_granted"]
    assert '<optgroup label="Users and roles">' in text


def test_the_log_is_filtered_by_who_did_it(li_wei_at_work: Client) -> None:
    put(Action.SIGNED_OUT, "wang.fang")
    put(Action.SIGNED_OUT, "wang.fang.2")

    shown = rows(li_wei_at_work, actor="wang.fang")
    assert "wang.fang" in shown
    assert "wang.fang.2" not in shown


def test_the_log_is_filtered_by_days_that_are_both_inclusive(li_wei_at_work: Client) -> None:
    today = timezone.localdate()
    put(Action.SIGNED_OUT, "day.before", days_ago=3)
    put(Action.SIGNED_OUT, "first.day", days_ago=2)
    ChangeEvent.objects.create(
        action=Action.SIGNED_OUT,
        actor="last.moment",
        recorded_at=midnight(today) - timedelta(seconds=1),
    )
    days = {"first": str(today - timedelta(days=2)), "last": str(today - timedelta(days=1))}
    shown = rows(li_wei_at_work, **days)

    assert "first.day" in shown
    assert "last.moment" in shown
    assert "day.before" not in shown
    assert "day.before" not in rows(li_wei_at_work, first=days["first"])
    assert "day.before" in rows(li_wei_at_work, last=days["last"])


@pytest.mark.parametrize(
    ("first", "last", "problem"),
    [
        ("2026-09-30", "2026-07-01", "The last day is before the first."),
        ("yesterday", "", "From and Through must be days such as 2026-09-29. They are ignored."),
    ],
)
def test_days_that_are_wrong_are_called_that_and_ignored(
    li_wei_at_work: Client, first: str, last: str, problem: str
) -> None:
    put(Action.SIGNED_OUT, "wang.fang")
    text = li_wei_at_work.get(LOG, {"first": first, "last": last}).text

    assert problem in text
    assert "wang.fang" in text


def test_the_form_submits_empty_fields_which_filter_nothing(li_wei_at_work: Client) -> None:
    put(Action.SIGNED_OUT, "wang.fang")
    empty = dict.fromkeys(["first", "last", "what", "account__id__exact", "actor", "q"], "")
    text = li_wei_at_work.get(LOG, empty).text

    assert "wang.fang" in text
    assert "Clear all filters" not in text


@pytest.mark.parametrize("url", [LOG, TALLIES])
@pytest.mark.parametrize("query", ["what=nonsense", "account__id__exact=x", "kind=99"])
def test_a_filter_that_means_nothing_is_dropped(
    li_wei_at_work: Client, on_record: OfficialAccount, url: str, query: str
) -> None:
    answer = li_wei_at_work.get(f"{url}?{query}", follow=True)

    assert answer.status_code == 200
    assert not answer.redirect_chain or "e=1" in answer.redirect_chain[0][0]


def test_tallies_are_filtered_by_account_and_period(
    on_record: OfficialAccount, li_wei_at_work: Client
) -> None:
    make_account("brand-b", "TokenOfBrandB5678")
    tomorrow = str(timezone.localdate() + timedelta(days=1))

    assert "Brand-A" in rows(li_wei_at_work, TALLIES, account__id__exact=str(on_record.pk))
    assert "Brand-A" not in rows(li_wei_at_work, TALLIES, account__id__exact="none")
    assert "Brand-A" not in rows(li_wei_at_work, TALLIES, first=tomorrow)
    assert "Brand-A" in rows(li_wei_at_work, TALLIES, last=tomorrow)


def test_an_empty_log_says_so_and_leads_on(li_wei_at_work: Client) -> None:
    ask = {"actor": "nobody"}
    text = li_wei_at_work.get(LOG, ask).text

    assert "No entries match." in text
    assert '<a href="?">Show all</a>' in text
    for model in ("seal", "tally"):
        text = li_wei_at_work.get(page(f"{model}_changelist")).text
        assert page("officialaccount_changelist") in text.partition('class="empty"')[2]


def test_a_row_says_old_and_new_and_the_address(
    li_wei_at_work: Client, brand_a: OfficialAccount
) -> None:
    changes = {"name": ["Brand X", "Brand A"]}
    actor = Actor("wang.fang", "203.0.113.7")
    change_log.record(Action.ACCOUNT_CHANGED, actor, brand_a, changes=changes)
    shown = rows(li_wei_at_work, what="account_changed")

    for text in ("wang.fang", "Account changed", "Brand X → Brand A", "203.0.113.7"):
        assert text in shown
