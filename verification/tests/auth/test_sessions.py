from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import path, reverse
from django.utils import timezone

from verification.admin.base import account_url
from verification.auth import sessions
from verification.models import ChangeEvent, OfficialAccount
from verification.tests.support.admin_client import PASSWORD, press
from verification.tests.support.checkout import PRODUCTION, Checkout
from wechat_gateway import urls

ADMIN = "/admin/"


@sessions.no_session_refresh
def poll(request: HttpRequest) -> HttpResponse:
    return HttpResponse(request.user.get_username())


urlpatterns = [*urls.urlpatterns, path("poll", poll)]


def ends_at() -> datetime:
    return Session.objects.get().expire_date


def time_passes(by: timedelta) -> None:
    for session in Session.objects.all():
        session.expire_date -= by
        session.save()


class TestIdling:
    def test_half_an_hour_without_a_page_ends_the_session(self, li_wei_at_work: Client) -> None:
        time_passes(timedelta(minutes=31))

        assert li_wei_at_work.get(ADMIN).status_code == 302

    def test_a_page_puts_the_end_off(self, li_wei_at_work: Client) -> None:
        time_passes(timedelta(minutes=29))
        response = li_wei_at_work.get(ADMIN)

        assert response.status_code == 200
        assert ends_at() > timezone.now() + timedelta(minutes=29)
        assert response.cookies["sessionid"]["max-age"] == 30 * 60

    def test_a_poll_does_not(self, li_wei_at_work: Client, settings: Any) -> None:
        settings.ROOT_URLCONF = __name__
        time_passes(timedelta(minutes=20))
        before = ends_at()
        response = li_wei_at_work.get("/poll")

        assert response.content == b"li.wei"
        assert (ends_at(), "sessionid" in response.cookies) == (before, False)

    @pytest.mark.parametrize("page", ["/", "/healthz"])
    def test_pages_that_ask_for_nobody_do_not_need_the_session(
        self, li_wei_at_work: Client, page: str
    ) -> None:
        Session.objects.all().delete()

        assert li_wei_at_work.get(page).status_code == 200


class TestTheWorkingDay:
    def begun(self, client: Client, ago: timedelta) -> Client:
        session = client.session
        session[sessions.STARTED] = (timezone.now() - ago).timestamp()
        session.save()
        return client

    def test_eight_hours_are_the_most_however_busy(self, li_wei_at_work: Client) -> None:
        assert self.begun(li_wei_at_work, timedelta(hours=7)).get(ADMIN).status_code == 200

        response = self.begun(li_wei_at_work, timedelta(hours=9)).get(ADMIN, follow=True)
        assert 'name="password"' in response.text
        assert ChangeEvent.objects.latest("id").action == ChangeEvent.Action.SIGNED_OUT

    def test_signing_in_begins_another(self, li_wei_at_work: Client) -> None:
        self.begun(li_wei_at_work, timedelta(hours=9)).get(ADMIN, follow=True)
        who = {"username": "li.wei", "password": PASSWORD, "next": ADMIN}

        assert li_wei_at_work.post("/admin/login/", who, follow=True).status_code == 200
        assert li_wei_at_work.get(ADMIN).status_code == 200


class TestSigningInOnceMore:
    """The sign-in leads back to where a form was sent, by GET."""

    @pytest.mark.parametrize("name", ["reveal_token", "self_test", "keep_token"])
    def test_it_leads_to_the_page_with_the_button(
        self, li_wei: User, client: Client, brand_a: OfficialAccount, name: str
    ) -> None:
        ids = [brand_a.pk, brand_a.tokens.get().pk] if name == "keep_token" else [brand_a.pk]
        asked = press(client, name, *ids)["Location"]
        form = {"username": "li.wei", "password": PASSWORD}
        there = reverse(f"admin:{name}", args=ids)
        page = client.post(asked, {**form, "next": there}, follow=True)

        assert there in asked
        assert page.redirect_chain[-1][0] == account_url(brand_a.pk)
        assert page.status_code == 200


class TestCookies:
    def test_over_plain_http_they_are_plain_on_this_machine(self, li_wei: User) -> None:
        client = Client(enforce_csrf_checks=True)
        client.get("/admin/login/")
        who = {
            "username": "li.wei",
            "password": PASSWORD,
            "csrfmiddlewaretoken": client.cookies["csrftoken"].value,
        }

        assert client.post("/admin/login/", who).status_code == 302
        assert client.get(ADMIN).status_code == 200

    @pytest.mark.process
    def test_in_production_they_belong_to_one_host_over_https(self, tmp_path: Any) -> None:
        asked = "from django.conf import settings as s; " + "; ".join(
            f"print(s.{kind}_COOKIE_NAME, s.{kind}_COOKIE_SECURE, s.{kind}_COOKIE_PATH,"
            f" s.{kind}_COOKIE_DOMAIN)"
            for kind in ("SESSION", "CSRF", "LANGUAGE")
        )
        result = Checkout(tmp_path).manage("shell", "-v0", "-c", asked, **PRODUCTION)

        assert result.stdout.splitlines() == [
            "__Host-sessionid True / None",
            "__Host-csrftoken True / None",
            "__Host-language True / None",
        ]
