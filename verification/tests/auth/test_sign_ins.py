from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from axes.models import AccessAttempt
from django.apps import apps
from django.conf import settings as configured
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from verification.models import ChangeEvent, OfficialAccount
from verification.tests.support.adapter import A
from verification.tests.support.admin_client import PASSWORD
from verification.tests.support.signer import verification

CANARY = "CanaryPassword2026"
HERE, THERE = "81.69.103.129", "175.24.211.157"
Action = ChangeEvent.Action


@pytest.fixture(autouse=True)
def _one_proxy(li_wei: User, settings: Any) -> None:
    settings.TRUSTED_PROXY_COUNT = 1


def sign_in(password: str, *, as_: str = "li.wei", at: str = HERE, **headers: str) -> Any:
    client = Client(headers={"X-Forwarded-For": f"6.6.6.6, {at}", **headers})
    return client.post("/admin/login/?next=/admin/", {"username": as_, "password": password})


def fail(times: int, **client: str) -> Any:
    for number in range(times):
        response = sign_in(CANARY, **client, **{"User-Agent": f"Browser {number}"})
    return response


class TestLocking:
    def test_five_failures_lock_that_user_at_that_address(self) -> None:
        assert fail(4).status_code == 200
        response = fail(1)

        assert response.status_code == 429
        assert response.headers["Retry-After"] == "900"
        assert "locked for 15 minutes" in response.text
        assert sign_in(PASSWORD).status_code == 429

    def test_others_at_that_address_and_that_user_elsewhere_are_not_locked(self) -> None:
        User.objects.create_superuser("wang.fang", password=PASSWORD)
        fail(6)

        assert sign_in(PASSWORD, as_="wang.fang").status_code == 302
        assert sign_in(PASSWORD, at=THERE).status_code == 302

    def test_a_load_balancer_that_appends_the_port_counts_for_each_address(self) -> None:
        fail(3, at=f"{HERE}:1024")

        assert fail(2, at=f"{HERE}:1025").status_code == 429
        assert sign_in(PASSWORD, at=f"{THERE}:1024").status_code == 302

    def test_failures_through_a_proxy_that_hides_addresses_lock_no_other_proxy(self) -> None:
        def post(proxy: str, password: str) -> int:
            client = Client(headers={"X-Forwarded-For": "unknown"}, REMOTE_ADDR=proxy)
            data = {"username": "li.wei", "password": password}
            return client.post("/admin/login/", data).status_code

        assert [post("10.0.0.1", CANARY) for _ in range(5)][-1] == 429
        assert post("10.0.0.1", PASSWORD) == 429
        assert post("10.0.0.2", PASSWORD) == 302

    def test_a_forged_address_does_not_help(self) -> None:
        fail(5)
        response = Client(headers={"X-Forwarded-For": f"{THERE}, {HERE}"}).post(
            "/admin/login/", {"username": "li.wei", "password": PASSWORD}
        )

        assert response.status_code == 429

    def test_the_lock_ends_after_a_quarter_of_an_hour_and_trying_does_not_prolong_it(self) -> None:
        fail(5)
        AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(minutes=14))
        assert sign_in(PASSWORD).status_code == 429
        AccessAttempt.objects.update(attempt_time=timezone.now() - timedelta(minutes=16))

        assert sign_in(PASSWORD).status_code == 302

    def test_a_success_resets_the_count(self) -> None:
        fail(4)
        assert sign_in(PASSWORD).status_code == 302

        assert fail(4).status_code == 200

    def test_the_page_is_in_chinese_too(self) -> None:
        response = fail(5, **{"Accept-Language": "zh-hans"})

        assert 'lang="zh-hans"' in response.text


class TestWhereItLeads:
    @pytest.mark.parametrize("place", ["https://evil.example/", "//evil.example", "javascript:1"])
    def test_another_hosts_page_is_replaced_by_home(self, place: str) -> None:
        form = {"username": "li.wei", "password": PASSWORD, "next": place}

        assert Client().post("/admin/login/", form).headers["Location"] == "/admin/"


class TestTheChangeLog:
    def test_a_failed_sign_in_is_recorded_locked_or_not(self) -> None:
        fail(7)
        events = ChangeEvent.objects.filter(action=Action.SIGN_IN_FAILED)

        assert [(event.actor, event.client_ip) for event in events] == [("li.wei", HERE)] * 7

    def test_the_right_password_of_a_user_who_is_not_staff_fails_like_a_wrong_one(self) -> None:
        User.objects.create_user("wang.fang", password=PASSWORD)
        pages = [sign_in(PASSWORD, as_="wang.fang") for _ in range(5)]
        events = ChangeEvent.objects.filter(action=Action.SIGN_IN_FAILED)

        assert "errornote" in pages[0].text
        assert [page.status_code for page in pages] == [200, 200, 200, 200, 429]
        assert [(event.actor, event.client_ip) for event in events] == [("wang.fang", HERE)] * 5
        assert not ChangeEvent.objects.filter(action=Action.SIGNED_IN).exists()

    def test_the_password_is_stored_and_logged_nowhere(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        fail(6)
        sign_in(PASSWORD, at=THERE)
        rows = [
            row
            for model in apps.get_models(include_auto_created=True)
            for row in model._base_manager.values_list()
        ]

        assert CANARY not in f"{rows} {caplog.text}"
        assert "AXES" not in caplog.text, "lines that say ***** are of no use"
        assert PASSWORD not in f"{rows} {caplog.text}"


class TestCallbacks:
    def test_they_are_answered_before_any_other_middleware(self) -> None:
        assert configured.MIDDLEWARE[0] == "verification.callbacks.middleware.CallbackMiddleware"

    def test_they_query_no_tables_of_users(self, brand_a: OfficialAccount) -> None:
        with CaptureQueriesContext(connection) as queries:
            Client().get(f"/wechat/brand-a?{verification(A)}")

        sql = " ".join(query["sql"] for query in queries)
        assert not [table for table in ("axes_", "auth_", "django_session") if table in sql]
