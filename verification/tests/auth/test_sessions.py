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
from verification.tests.support.admin_client import PASSWORD
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

    def test_a_page_extends_the_session(self, li_wei_at_work: Client) -> None:
        time_passes(timedelta(minutes=29))
        response = li_wei_at_work.get(ADMIN)

        assert response.status_code == 200
        assert ends_at() > timezone.now() + timedelta(minutes=29)
        assert response.cookies["sessionid"]["max-age"] == 30 * 60

    def test_a_poll_does_not_extend_the_session(
        self, li_wei_at_work: Client, settings: Any
    ) -> None:
        settings.ROOT_URLCONF = __name__
        time_passes(timedelta(minutes=20))
        before = ends_at()
        response = li_wei_at_work.get("/poll")

        assert response.content == b"li.wei"
        assert (ends_at(), "sessionid" in response.cookies) == (before, False)

    @pytest.mark.parametrize("page", ["/", "/healthz"])
    def test_public_pages_do_not_need_the_session(self, li_wei_at_work: Client, page: str) -> None:
        Session.objects.all().delete()

        assert li_wei_at_work.get(page).status_code == 200


class TestTheWorkingDay:
    def started(self, client: Client, ago: timedelta) -> Client:
        session = client.session
        session[sessions.STARTED_KEY] = (timezone.now() - ago).timestamp()
        session.save()
        return client

    def test_a_session_lasts_eight_hours_at_most(self, li_wei_at_work: Client) -> None:
        assert self.started(li_wei_at_work, timedelta(hours=7)).get(ADMIN).status_code == 200

        response = self.started(li_wei_at_work, timedelta(hours=9)).get(ADMIN, follow=True)
        assert 'name="password"' in response.text
        assert ChangeEvent.objects.latest("id").action == ChangeEvent.Action.SIGNED_OUT

    def test_signing_in_starts_a_new_session(self, li_wei_at_work: Client) -> None:
        self.started(li_wei_at_work, timedelta(hours=9)).get(ADMIN, follow=True)
        form = {"username": "li.wei", "password": PASSWORD, "next": ADMIN}

        assert li_wei_at_work.post("/admin/login/", form, follow=True).status_code == 200
        assert li_wei_at_work.get(ADMIN).status_code == 200


class TestSigningInOnceMore:
    """The sign-in leads back, by GET, to the page where the form was sent."""

    @pytest.mark.parametrize("name", ["reveal_token", "self_test", "keep_token"])
    def test_it_leads_to_the_page_with_the_button(
        self, li_wei: User, client: Client, brand_a: OfficialAccount, name: str
    ) -> None:
        ids = [brand_a.pk, brand_a.tokens.get().pk] if name == "keep_token" else [brand_a.pk]
        there = reverse(f"admin:{name}", args=ids)
        location = client.post(there)["Location"]
        form = {"username": "li.wei", "password": PASSWORD}
        page = client.post(location, {**form, "next": there}, follow=True)

        assert there in location
        assert page.redirect_chain[-1][0] == account_url(brand_a.pk)
        assert page.status_code == 200


class TestCookies:
    def test_over_plain_http_they_are_plain_on_this_machine(self, li_wei: User) -> None:
        client = Client(enforce_csrf_checks=True)
        client.get("/admin/login/")
        form = {
            "username": "li.wei",
            "password": PASSWORD,
            "csrfmiddlewaretoken": client.cookies["csrftoken"].value,
        }

        assert client.post("/admin/login/", form).status_code == 302
        assert client.get(ADMIN).status_code == 200

    @pytest.mark.process
    def test_in_production_they_belong_to_one_host_over_https(self, tmp_path: Any) -> None:
        script = "from django.conf import settings as s; " + "; ".join(
            f"print(s.{kind}_COOKIE_NAME, s.{kind}_COOKIE_SECURE, s.{kind}_COOKIE_PATH,"
            f" s.{kind}_COOKIE_DOMAIN)"
            for kind in ("SESSION", "CSRF", "LANGUAGE")
        )
        result = Checkout(tmp_path).manage("shell", "-v0", "-c", script, **PRODUCTION)

        assert result.stdout.splitlines() == [
            "__Host-sessionid True / None",
            "__Host-csrftoken True / None",
            "__Host-language True / None",
        ]
