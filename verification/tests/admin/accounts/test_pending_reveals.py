"""A secret is shown once: to the session that asked for it, on the page it is redirected to."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from importlib import import_module
from threading import Barrier
from unittest import mock

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection, connections
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from verification.accounts.tokens import rotate_token
from verification.change_log import Actor
from verification.models import OfficialAccount, PendingReveal
from verification.tests.support.accounts import make_account
from verification.tests.support.adapter import A, B
from verification.tests.support.admin_client import open_account

NEW = "NewTokenOfBrandA99"


def ask(client: Client, account: OfficialAccount) -> str:
    """Ask to see the token, and return the address that the browser is redirected to."""
    return str(client.post(reverse("admin:reveal_token", args=[account.pk]))["Location"])


def test_one_page_shows_it_and_reloading_that_page_does_not(
    li_wei_at_work: Client, brand_a: OfficialAccount
) -> None:
    url = ask(li_wei_at_work, brand_a)

    assert A in li_wei_at_work.get(url).text
    assert A not in li_wei_at_work.get(url).text
    assert not PendingReveal.objects.exists()


def test_the_token_is_in_no_address_cookie_session_or_row_meanwhile(
    li_wei_at_work: Client, brand_a: OfficialAccount
) -> None:
    answer = li_wei_at_work.post(reverse("admin:reveal_token", args=[brand_a.pk]))
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM verification_pendingreveal")
        rows = cursor.fetchall()

    assert len(rows) == 1
    assert A not in f"{answer['Location']}{dict(li_wei_at_work.session)}{answer.cookies}{rows}"


@pytest.mark.django_db(transaction=True)
def test_of_two_requests_at_the_same_time_exactly_one_shows_it() -> None:
    account = make_account("brand-a", A)
    li_wei = User.objects.create_superuser("li.wei")
    client, other = Client(), Client()
    client.force_login(li_wei)
    other.cookies = client.cookies
    for _number in range(5):
        url, together = ask(client, account), Barrier(2)

        def open_page(tab: Client, url: str = url, together: Barrier = together) -> str:
            together.wait()
            try:
                return str(tab.get(url).text)
            finally:
                connections.close_all()

        with ThreadPoolExecutor(2) as tabs:
            shown = [A in text for text in tabs.map(open_page, [client, other])]
        assert sorted(shown) == [False, True]


def test_another_tab_that_saves_the_session_neither_loses_it_nor_brings_it_back(
    li_wei_at_work: Client, brand_a: OfficialAccount
) -> None:
    store = import_module(settings.SESSION_ENGINE).SessionStore
    before, between = (store(li_wei_at_work.session.session_key) for _tab in range(2))
    before["opened"] = True
    url = ask(li_wei_at_work, brand_a)
    before.save()
    between["opened"] = True

    assert A in li_wei_at_work.get(url).text
    between.save()
    assert A not in li_wei_at_work.get(url).text


def test_no_other_page_session_or_user_takes_it(
    li_wei_at_work: Client, brand_a: OfficialAccount, brand_b: OfficialAccount
) -> None:
    url = ask(li_wei_at_work, brand_a)
    nonce = url.partition("?")[2]
    li_wei, wang_fang = User.objects.get(), User.objects.create_superuser("wang.fang")
    for person in (li_wei, wang_fang):
        elsewhere = Client()
        elsewhere.force_login(person)
        assert A not in elsewhere.get(url).text
    li_wei_at_work.head(url)
    li_wei_at_work.get(reverse("admin:account_cards", args=[brand_a.pk]) + f"?{nonce}")
    of_b = reverse("admin:verification_officialaccount_change", args=[brand_b.pk])
    text = open_account(li_wei_at_work, brand_a) + li_wei_at_work.get(f"{of_b}?{nonce}").text

    assert A not in text
    assert B not in text
    assert A in li_wei_at_work.get(url).text


def test_it_is_not_shown_later_and_the_next_one_clears_it_away(
    li_wei_at_work: Client, brand_a: OfficialAccount
) -> None:
    url = ask(li_wei_at_work, brand_a)
    later = timezone.now() + timedelta(minutes=2)
    with mock.patch("django.utils.timezone.now", return_value=later):
        assert A not in li_wei_at_work.get(url).text
        ask(li_wei_at_work, brand_a)

    assert PendingReveal.objects.count() == 1


def test_a_token_that_was_rotated_since_is_not_shown_in_its_place(
    li_wei_at_work: Client, brand_a: OfficialAccount
) -> None:
    url = ask(li_wei_at_work, brand_a)
    rotate_token(brand_a, NEW, Actor("wang.fang"))
    text = li_wei_at_work.get(url).text

    assert A not in text
    assert NEW not in text
