"""Recovery when the phone or the encryption key is lost."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client

from verification.models import ChangeEvent
from verification.tests.support.admin_client import Action
from verification.tests.support.authenticator import PAGE, App, is_in, set_up, sign_in_again

pytestmark = pytest.mark.usefixtures("_totp_required")


class TestEncryptionKeys:
    def test_authenticators_survive_a_rotation(self, browser: Client, settings: Any) -> None:
        app, _codes = set_up(browser)
        settings.TOKEN_ENCRYPTION_KEYS = ["another-key-" * 4, *settings.TOKEN_ENCRYPTION_KEYS]
        call_command("rotate_encryption_keys", yes=True)
        settings.TOKEN_ENCRYPTION_KEYS = settings.TOKEN_ENCRYPTION_KEYS[:1]
        sign_in_again(browser)

        assert browser.post(PAGE, {"code": app.code()}).status_code == 302

    def test_without_the_key_a_recovery_code_lets_in(self, browser: Client, settings: Any) -> None:
        _app, recovery_codes = set_up(browser)
        settings.TOKEN_ENCRYPTION_KEYS = ["another-key-" * 4]
        sign_in_again(browser)

        assert browser.post(PAGE, {"code": recovery_codes[0]}).status_code == 302

    def test_those_that_cannot_be_read_are_named(self, browser: Client, settings: Any) -> None:
        set_up(browser)
        settings.TOKEN_ENCRYPTION_KEYS = ["another-key-" * 4]

        with pytest.raises(CommandError, match=r"authenticators of li\.wei: put the key that"):
            call_command("rotate_encryption_keys", yes=True)


class TestReset:
    def test_the_next_sign_in_sets_up_another_authenticator(
        self, browser: Client, capsys: pytest.CaptureFixture[str]
    ) -> None:
        app, _codes = set_up(browser)
        call_command("reset_totp", "li.wei")

        assert "sets up a new one" in capsys.readouterr().out
        assert not is_in(browser)
        assert App(browser.get(PAGE).text).seed != app.seed
        event = ChangeEvent.objects.get(action=Action.SECOND_FACTOR_RESET)
        assert event.facts == {"user": "li.wei"}
        assert event.actor.startswith("command line")

    def test_a_user_without_an_authenticator_is_left_unchanged(
        self, li_wei: User, capsys: pytest.CaptureFixture[str]
    ) -> None:
        call_command("reset_totp", "li.wei")

        assert "nothing was changed" in capsys.readouterr().out
        assert not ChangeEvent.objects.exists()

    def test_an_unknown_user_is_refused(self, db: None) -> None:
        with pytest.raises(CommandError, match=r'There is no user "wang\.fang"\.'):
            call_command("reset_totp", "wang.fang")
