"""Access to every URL of the admin, as the resolver lists them, for each role."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import transaction
from django.test import Client

from verification.accounts.aes_keys import generate_aes_key, rotate_aes_key
from verification.models import OfficialAccount
from verification.tests.support.accounts import LI_WEI
from verification.tests.support.adapter import A
from verification.tests.support.admin_urls import ROUTES, newest_rows, url
from verification.tests.support.deliveries import give_backend, keep_waiting
from verification.tests.support.signer import verification

#: What never changes has no history: its address leads to the record.
RECORDS = ["changeevent", "delivery", "seal", "tally", "verificationattempt"]
PEOPLE = ["anonymous", "staff", "auditor", "token manager", "superuser"]


#: Answers to GET, then to POST, for each of PEOPLE in turn, and the routes that give them.
EXPECTED = {
    ("302 200 200 200 200", "302 200 200 200 200"): [
        "",
        "password_change/",
    ],
    ("302 403 404 403 404", "302 403 404 403 404"): [
        "verification/changeevent/sign-offs/<int:event_id>/",  # the rows have none
    ],
    ("302 404 404 404 404", "302 404 404 404 404"): [
        "(?P<url>.*)$",
        "r/<path:content_type_id>/<path:object_id>/",
    ],
    ("302 404 302 302 302", "302 404 302 302 302"): [
        "^(?P<app_label>verification|auth)/$",
    ],
    ("302 403 403 403 200", "302 403 403 403 200"): [
        "auth/group/",
        "auth/group/<path:object_id>/change/",
        "auth/group/add/",
        "auth/user/",
        "auth/user/<id>/password/",
        "auth/user/<path:object_id>/change/",
        "auth/user/add/",
    ],
    ("302 403 403 403 302", "302 403 403 403 302"): [
        "auth/group/<path:object_id>/history/",
        "auth/user/<path:object_id>/history/",
    ],
    ("302 403 302 302 302", "302 403 302 302 302"): [
        "verification/officialaccount/<path:object_id>/history/",
    ],
    ("302 302 302 302 302", "302 302 302 302 302"): [
        "auth/group/<path:object_id>/",
        "auth/user/<path:object_id>/",
        "second-factor/",
        *(f"verification/{record}/<path:object_id>/history/" for record in RECORDS),
        "verification/changeevent/<path:object_id>/",
        "verification/delivery/<path:object_id>/",
        "verification/officialaccount/<path:object_id>/",
        "verification/seal/<path:object_id>/",
        "verification/tally/<path:object_id>/",
        "verification/verificationattempt/<path:object_id>/",
    ],
    ("302 403 403 403 200", "302 403 403 403 302"): [
        "auth/group/<path:object_id>/delete/",
        "auth/user/<path:object_id>/delete/",
    ],
    ("302 403 403 403 403", "302 405 405 405 405"): [
        "autocomplete/",
    ],
    ("302 200 200 200 200", "302 405 405 405 405"): [
        "jsi18n/",
        "password_change/done/",
    ],
    ("302 405 405 405 405", "302 403 200 403 200"): [
        "verification/verificationattempt/export/",
    ],
    ("200 302 302 302 302", "200 200 200 200 200"): [
        "login/",
    ],
    ("405 405 405 405 405", "200 200 200 200 200"): [
        "logout/",
    ],
    ("302 403 200 403 200", "302 403 200 403 200"): [
        "verification/changeevent/",
        "verification/changeevent/sign-offs/",
        "verification/changeevent/sign-offs/new/",
        "verification/seal/",
        "verification/tally/",
    ],
    ("302 403 200 403 200", "302 403 302 403 302"): [
        "verification/seal/integrity/",
    ],
    ("302 403 200 403 200", "302 403 403 403 403"): [
        "verification/changeevent/<path:object_id>/change/",
        "verification/seal/<path:object_id>/change/",
        "verification/tally/<path:object_id>/change/",
    ],
    ("302 403 403 403 403", "302 403 403 403 403"): [
        "verification/changeevent/<path:object_id>/delete/",
        "verification/changeevent/add/",
        "verification/delivery/<path:object_id>/delete/",
        "verification/delivery/add/",
        "verification/officialaccount/<path:object_id>/delete/",
        "verification/seal/<path:object_id>/delete/",
        "verification/seal/add/",
        "verification/tally/<path:object_id>/delete/",
        "verification/tally/add/",
        "verification/verificationattempt/<path:object_id>/delete/",
        "verification/verificationattempt/add/",
    ],
    ("302 403 200 200 200", "302 403 200 200 200"): [
        "verification/delivery/",
        "verification/officialaccount/",
        "verification/officialaccount/<int:account_id>/cards/",
        "verification/officialaccount/<int:account_id>/live/",
        "verification/verificationattempt/",
    ],
    ("302 403 403 302 302", "302 403 403 302 302"): [
        "verification/officialaccount/<int:account_id>/aes-key/reveal/",
        "verification/officialaccount/<int:account_id>/backend/reveal/",
        "verification/officialaccount/<int:account_id>/reveal/",
        "verification/officialaccount/<int:account_id>/deliveries/retry/",
        "verification/officialaccount/<int:account_id>/self-test/",
        "verification/officialaccount/<int:account_id>/aes-key/<int:secret_id>/keep/",
        "verification/officialaccount/<int:account_id>/tokens/<int:secret_id>/keep/",
        # The token is the current one, which every account needs.
        "verification/officialaccount/<int:account_id>/tokens/<int:secret_id>/retire/",
    ],
    ("302 403 403 200 200", "302 403 403 302 302"): [
        "verification/officialaccount/<int:account_id>/aes-key/<int:secret_id>/retire/",
        "verification/officialaccount/<int:account_id>/backend/remove/",
        "verification/officialaccount/<int:account_id>/backend/rotate/",
        "verification/officialaccount/pause/",
        "verification/officialaccount/resume/",
    ],
    ("302 403 403 200 200", "302 403 403 200 200"): [
        "verification/officialaccount/<int:account_id>/aes-key/rotate/",
        "verification/officialaccount/<int:account_id>/backend/",
        "verification/officialaccount/<int:account_id>/deliveries/discard/",
        "verification/officialaccount/<int:account_id>/rotate/",
        "verification/officialaccount/<int:account_id>/test-message/",
        "verification/officialaccount/add/",
    ],
    ("302 403 200 200 200", "302 403 403 200 200"): [
        "verification/officialaccount/<path:object_id>/change/",
    ],
    ("302 403 200 200 200", "302 403 403 403 403"): [
        "verification/delivery/<path:object_id>/change/",
        "verification/verificationattempt/<path:object_id>/change/",
    ],
}


@pytest.fixture
def rows(brand_a: OfficialAccount) -> dict[str, int]:
    Client().get(f"/wechat/brand-a?{verification(A)}")
    rotate_aes_key(brand_a, generate_aes_key(), LI_WEI, app_id="wx0123456789abcdef")
    User.objects.create_user("wang.fang")
    give_backend(brand_a)
    keep_waiting(brand_a)
    return newest_rows(brand_a)


def sign_in(person: str) -> Client:
    client = Client()
    if person != "anonymous":
        user = User.objects.create_user("li.wei", is_staff=True)
        user.is_superuser = person == "superuser"
        user.groups.set(Group.objects.filter(name=f"{person.capitalize()}s"))
        user.save()
        client.force_login(user)
    return client


def statuses(client: Client, path: str) -> tuple[int, int]:
    """Return the status of a GET and of a POST, whose effects are rolled back."""
    with transaction.atomic():
        get, post = client.get(path), client.post(path, {"post": "yes"})
        b"".join(post)  # a download is closed when it was read
        transaction.set_rollback(True)
    return get.status_code, post.status_code


@pytest.mark.parametrize("person", PEOPLE)
def test_everybody_gets_where_the_table_says_and_no_further(
    rows: dict[str, int], person: str
) -> None:
    client, column = sign_in(person), PEOPLE.index(person)
    for (get, post), routes in EXPECTED.items():
        expected = int(get.split()[column]), int(post.split()[column])
        for route in routes:
            with_session = dict(client.cookies)
            assert statuses(client, url(route, rows)) == expected, route
            client.cookies.update(with_session)


def test_every_url_of_the_admin_is_in_the_table() -> None:
    assert sorted(route for routes in EXPECTED.values() for route in routes) == ROUTES


def test_with_the_password_alone_nothing_opens(rows: dict[str, int], settings: Any) -> None:
    settings.ADMIN_REQUIRE_TOTP = True
    client = sign_in("superuser")
    for route in ROUTES:
        if route not in {"logout/", "login/", "second-factor/"}:
            assert statuses(client, url(route, rows)) == (302, 302), route
