"""A scenario in which li.wei types, sees and uses every kind of secret, and requests fail."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse

from verification.accounts.rotation import NO_SECRET
from verification.models import Backend, OfficialAccount, PendingReveal, TotpDevice
from verification.relay.payload import Payload
from verification.relay.webhooks import PREFIX
from verification.tests.support.admin_client import UNCHANGED, add, page, press, tool
from verification.tests.support.authenticator import PAGE, set_up
from verification.tests.support.canary_secrets import (
    MESSAGE,
    NEXT_PASSWORD,
    NEXT_TOKEN,
    PASSWORD,
    TOKEN,
)
from verification.tests.support.deliveries import keep_waiting, make_dead
from verification.tests.support.signer import push, signed, verification


class Browser(Client):
    """Keeps every response, except for those that must show a secret."""

    def __init__(self) -> None:
        super().__init__(raise_request_exception=False)
        self.answers: list[Any] = []

    def request(self, **request: Any) -> Any:
        response = super().request(**request)
        self.answers.append(response)
        return response

    def was_shown(self, secret: str, answer: Any) -> None:
        assert secret in answer.text
        self.answers.remove(answer)


class Scenario:
    """Runs the scenario, and keeps its secrets, responses and failed responses."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.monkeypatch, self.browser = monkeypatch, Browser()
        self.secrets = [TOKEN, NEXT_TOKEN, PASSWORD, NEXT_PASSWORD, MESSAGE]
        self.failed: list[Any] = []
        self.printed = self.mailed = self.noted = ""
        User.objects.create_superuser("li.wei", password=PASSWORD)
        self.sign_in()
        self.account = self.connect()
        self.send_callbacks()
        self.rotate()
        self.add_aes_key()
        self.set_backend()
        self.call(f"{self.account.server_path}?{verification(TOKEN)}")
        self.add_user()
        self.cause_errors()
        self.open_late()

    def sign_in(self) -> None:
        """Sign in with mistakes: wrong passwords, a used recovery code, and one too soon after."""
        for password in (f"{PASSWORD}x", NEXT_PASSWORD):
            self.enter(password)
        self.enter(PASSWORD)
        app, codes = set_up(self.browser)
        del self.browser.answers[-2:]  # These showed the seed and the recovery codes.
        self.secrets += [app.seed, base64.b32decode(app.seed).hex()]
        self.secrets += [text for code in codes for text in (code, code.replace("-", ""))]
        for typed in ([codes[0]], [codes[0], codes[1]]):
            self.browser.post("/admin/logout/")
            self.enter(PASSWORD)
            for code in typed:
                self.browser.post(PAGE, {"code": code})
        TotpDevice.objects.update(throttling_failure_count=0)
        assert self.browser.post(PAGE, {"code": codes[1]}).status_code == 302

    def enter(self, password: str) -> None:
        self.browser.post("/admin/login/", {"username": "li.wei", "password": password})

    def connect(self) -> OfficialAccount:
        """Add an account after a form that was refused, reveal its token, and change it."""
        add(self.browser, name="", token=TOKEN)
        self.browser.was_shown(TOKEN, add(self.browser, token=TOKEN))
        account = OfficialAccount.objects.get()
        self.browser.was_shown(TOKEN, tool(self.browser, "reveal", account))
        form = {**UNCHANGED, "name": "Brand C", "notes": "Shanghai"}
        self.browser.post(page("officialaccount_change", account.pk), form)
        return account

    def rotate(self) -> None:
        for refused in (TOKEN, f"{NEXT_TOKEN}-"):
            tool(self.browser, "rotate", self.account, token=refused)
        shown = tool(self.browser, "rotate", self.account, token=NEXT_TOKEN, keep_old="0")
        self.browser.was_shown(NEXT_TOKEN, shown)

    def add_aes_key(self) -> None:
        """Let an EncodingAESKey be generated, and reveal it."""
        form = {"aes_key_source": "generate", "app_id": "wx0123456789abcdef"}
        made = press(self.browser, "rotate_aes_key", self.account.pk, replaces=NO_SECRET, **form)
        key = self.account.aes_keys.get().secret.reveal()  # type: ignore[union-attr]
        self.browser.was_shown(key, made)
        self.browser.was_shown(key, press(self.browser, "reveal_aes_key", self.account.pk))
        self.secrets.append(key)

    def set_backend(self) -> None:
        """Set a backend, reveal and rotate its webhook secret, and let a message wait for it."""
        key, url = self.account.pk, "https://crm.example.cn/wechat"
        for days in ("0", "3"):
            form = {"url": url, "on_failure": "resend", "retention_days": days}
            press(self.browser, "set_backend", key, **form)
        for button in ("reveal_webhook_secret", "rotate_webhook_secret"):
            shown = press(self.browser, button, key, replaces="first")
            secret: str = Backend.objects.get().secret.reveal()  # type: ignore[union-attr]
            self.browser.was_shown(secret, shown)
            self.secrets.append(secret.removeprefix(PREFIX))
        payload = Payload(b"openid=" + MESSAGE.encode(), "text/xml", MESSAGE.encode()).encrypt()
        keep_waiting(self.account, payload=payload)
        make_dead(self.account, payload=payload)
        press(self.browser, "retry_deliveries", key)

    def send_callbacks(self) -> None:
        """Send callbacks with right, wrong and mistyped tokens, and with a token as parameter."""
        path = self.account.server_path
        for token in (TOKEN, TOKEN[:-1], TOKEN * 2, TOKEN.lower(), NEXT_TOKEN):
            self.call(f"{path}?{verification(token)}")
            self.call(f"/?{verification(token)}")
            self.browser.post(f"{path}?{push(token)}", f"<xml>{token}</xml>", "text/xml")
        self.call(f"/wechat/nobody?{verification(TOKEN)}")
        self.call(f"{path}?{verification(TOKEN)}&token={TOKEN}")
        self.call(f"{path}?{verification(TOKEN).replace(signed(TOKEN)['signature'], TOKEN)}")
        self.call(f"{path}?signature={signed(TOKEN)['signature']}&token={TOKEN}")

    def call(self, target: str) -> Any:
        return self.browser.get(target, headers={"X-Token": TOKEN, "User-Agent": "Mozilla/4.0"})

    def add_user(self) -> None:
        for repeated in (PASSWORD, NEXT_PASSWORD):
            form = {"username": "wang.fang", "password1": NEXT_PASSWORD, "password2": repeated}
            self.browser.post("/admin/auth/user/add/", {**form, "usable_password": "true"})
        assert User.objects.get(username="wang.fang").check_password(NEXT_PASSWORD)

    def cause_errors(self) -> None:
        """Raise errors while a token is in local variables, in a form, or being compared."""
        with self.monkeypatch.context() as patch:
            patch.setattr("verification.admin.accounts.console_advice.advise", raise_error)
            patch.setattr("verification.admin.accounts.secrets.render_page", raise_error)
            patch.setattr("verification.callbacks.recording.judge", raise_error)
            self.failed.append(tool(self.browser, "reveal", self.account))
            self.failed.append(tool(self.browser, "rotate", self.account, token=NEXT_TOKEN))
            self.failed.append(self.call(f"{self.account.server_path}?{verification(TOKEN)}"))

    def open_late(self) -> None:
        """Reveal a token, and look elsewhere before opening the page that shows it."""
        own = [self.account.pk]
        to_page = self.browser.post(reverse("admin:reveal_token", args=own))["Location"]
        sessions = [session.get_decoded() for session in Session.objects.all()]
        self.noted = f"{sessions} {[*PendingReveal.objects.values()]}"
        for name in ("account_cards", "live_account", "index"):
            answer = self.browser.get(reverse(f"admin:{name}", args=[] if name == "index" else own))
            assert answer.status_code == 200
        shown = self.browser.get(to_page)
        self.browser.was_shown(NEXT_TOKEN, shown)


def raise_error(*arguments: Any, **more: Any) -> Any:
    raise RuntimeError("Something broke.")
