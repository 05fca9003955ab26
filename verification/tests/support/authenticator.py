"""Simulate an authenticator app, and use it to sign in as li.wei."""

from __future__ import annotations

import base64
import re

from django.test import Client
from django_otp.oath import TOTP

from verification.tests.support.admin_client import PASSWORD

PAGE = "/admin/second-factor/"


class App:
    """An authenticator app that was set up with the seed on the page."""

    def __init__(self, page: str) -> None:
        seed = re.search(r'<code class="seed">(.*?)</code>', page)
        assert seed
        self.seed = re.sub(r"<[^>]*>|\s", "", seed[1])

    def code(self, *, steps: int = 0) -> str:
        totp = TOTP(base64.b32decode(self.seed), drift=steps)
        return f"{totp.token():06}"


def set_up(browser: Client) -> tuple[App, list[str]]:
    """Set up the second factor, and return the app and the recovery codes."""
    app = App(browser.get(PAGE).text)
    answer = browser.post(PAGE, {"code": app.code(steps=-1)})
    return app, re.findall(r"<li><code>([a-z0-9-]+)</code>", answer.text)


def sign_in_again(browser: Client) -> None:
    browser.post("/admin/logout/")
    browser.post("/admin/login/", {"username": "li.wei", "password": PASSWORD})


def is_in(browser: Client) -> bool:
    return browser.get("/admin/").status_code == 200
