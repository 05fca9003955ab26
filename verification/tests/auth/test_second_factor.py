from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.utils import timezone

from verification.models import ChangeEvent, RecoveryCode, TotpDevice
from verification.tests.support.admin_client import PASSWORD, Action, actions
from verification.tests.support.authenticator import PAGE, App, is_in, set_up, sign_in_again

pytestmark = pytest.mark.usefixtures("_totp_required")


class TestSettingUp:
    def test_it_follows_the_password_and_leads_to_the_requested_page(self, browser: Client) -> None:
        response = browser.get("/admin/auth/user/", follow=True)
        assert response.redirect_chain[-1][0] == f"{PAGE}?next=%2Fadmin%2Fauth%2Fuser%2F"
        code = App(response.text).code()
        answer = browser.post(PAGE, {"code": code, "next": "/admin/auth/user/"})

        assert '<a href="/admin/auth/user/">' in answer.text
        assert browser.get("/admin/auth/user/").status_code == 200
        assert actions()[-2:] == [Action.SECOND_FACTOR_SET_UP, Action.SIGNED_IN]

    def test_the_qr_code_says_what_the_text_says(self, browser: Client) -> None:
        text = browser.get(PAGE).text
        link = re.search(r'href="(otpauth://[^"]*)"', text)

        assert link
        assert f"secret={App(text).seed}" in link[1]
        assert "/wechat_gateway%3Ali.wei?" in link[1]
        assert re.search(r'<svg class="qr-code" viewBox="0 0 (\d+) \1"', text)
        assert "style=" not in text
        assert "data:" not in text.replace("data:,", "")

    def test_a_wrong_code_keeps_the_seed_that_was_scanned(self, browser: Client) -> None:
        app = App(browser.get(PAGE).text)
        answer = browser.post(PAGE, {"code": "000000"})

        assert "That code is incorrect" in answer.text
        assert "recovery code" not in answer.text  # there are none yet
        assert App(answer.text).seed == App(browser.get(PAGE).text).seed == app.seed
        assert not is_in(browser)
        assert actions()[-1] == Action.SECOND_FACTOR_REFUSED

    def test_another_sign_in_gets_another_seed(self, browser: Client) -> None:
        seen = App(browser.get(PAGE).text).seed
        sign_in_again(browser)

        assert App(browser.get(PAGE).text).seed != seen

    def test_once_set_up_it_is_never_shown_again(self, browser: Client) -> None:
        app, codes = set_up(browser)
        sign_in_again(browser)
        pages = [browser.get(PAGE), browser.post(PAGE, {"code": "000000"}), browser.get("/admin/")]

        assert len(codes) == len(set(codes)) == 10
        for page in pages:
            assert app.seed not in page.text
            assert not [code for code in codes if code in page.text]

    def test_the_answer_with_the_recovery_codes_is_not_cached(self, browser: Client) -> None:
        app = App(browser.get(PAGE).text)
        answer = browser.post(PAGE, {"code": app.code()})

        assert "no-store" in answer.headers["Cache-Control"]
        assert browser.post(PAGE, {"code": app.code()}).status_code == 302

    def test_nothing_on_the_page_leads_away_from_the_codes(self, browser: Client) -> None:
        app = App(browser.get(PAGE).text)
        answer = browser.post(PAGE, {"code": app.code()})

        assert "recovery-codes" in answer.text
        assert "language-switch" not in answer.text
        assert "<form" not in answer.text

    def test_the_codes_can_be_kept_with_whose_they_are(self, browser: Client) -> None:
        app = App(browser.get(PAGE).text)
        text = browser.post(PAGE, {"code": app.code()}).text
        [sheet] = re.findall(r'<div id="recovery-sheet">.*?</div>', text, re.DOTALL)

        assert "Recovery codes of li.wei for testserver, 20" in sheet
        assert sheet.count("<code>") == 10
        assert re.findall(r'data-(copy|save|print)[=" ]', text) == ["copy", "save", "print"]

    def test_a_seed_that_no_key_reads_any_more_is_replaced(
        self, browser: Client, settings: Any
    ) -> None:
        seen = App(browser.get(PAGE).text).seed
        settings.TOKEN_ENCRYPTION_KEYS = ["another-key-" * 4]
        app = App(browser.get(PAGE).text)
        browser.post(PAGE, {"code": app.code()})

        assert app.seed != seen
        assert is_in(browser)

    def test_a_second_tab_shows_the_seed_of_the_first(self, browser: Client) -> None:
        assert App(browser.get(PAGE).text).seed == App(browser.get(PAGE).text).seed

    def test_neither_seed_nor_codes_are_stored_in_the_clear(self, browser: Client) -> None:
        app, codes = set_up(browser)
        rows = [
            row
            for model in apps.get_models(include_auto_created=True)
            for row in model._base_manager.values_list()
        ]
        with connection.cursor() as cursor:
            cursor.execute("SELECT seed FROM verification_totpdevice")
            rows += cursor.fetchall()
        stored = f"{rows} {[session.get_decoded() for session in Session.objects.all()]}"

        assert not [secret for secret in (app.seed, *codes) if secret in stored]
        assert not TotpDevice._meta.default_permissions

    def test_chinese_pages_have_the_qr_code_too(self, browser: Client) -> None:
        assert "<svg" in browser.get(PAGE, headers={"Accept-Language": "zh-hans"}).text


class TestAsking:
    def test_the_password_alone_opens_nothing(self, browser: Client) -> None:
        set_up(browser)
        assert is_in(browser)
        sign_in_again(browser)

        assert not is_in(browser)
        assert browser.get("/admin/password_change/").status_code == 302
        assert browser.get("/admin/", follow=True).redirect_chain[-1][0].startswith(PAGE)

    def test_a_code_signs_in_once(self, browser: Client) -> None:
        app, _codes = set_up(browser)
        code = app.code()
        sign_in_again(browser)
        assert browser.post(PAGE, {"code": f"{code[:3]} {code[3:]}"}).status_code == 302
        assert is_in(browser)
        sign_in_again(browser)

        assert "or was used already" in browser.post(PAGE, {"code": code}).text
        assert not is_in(browser)

    def test_a_recovery_code_signs_in_once(self, browser: Client) -> None:
        _app, codes = set_up(browser)
        sign_in_again(browser)
        assert browser.post(PAGE, {"code": codes[0].upper().replace("-", " ")}).status_code == 302
        assert is_in(browser)
        sign_in_again(browser)
        browser.post(PAGE, {"code": codes[0]})

        assert not is_in(browser)
        assert RecoveryCode.objects.count() == 9

    def test_a_recovery_code_that_was_used_is_refused_with_the_reason(
        self, browser: Client
    ) -> None:
        _app, codes = set_up(browser)
        for _time in range(2):
            sign_in_again(browser)
            page = browser.post(PAGE, {"code": codes[0]}, follow=True).text

        assert "or was used already. Enter the app" in page

    def test_the_change_log_says_signed_in_only_after_the_code(self, browser: Client) -> None:
        app, codes = set_up(browser)
        sign_in_again(browser)
        assert actions()[-2:] == [Action.SIGNED_OUT, Action.PASSWORD_ACCEPTED]
        browser.post(PAGE, {"code": app.code()})
        assert actions()[-2:] == [Action.PASSWORD_ACCEPTED, Action.SIGNED_IN]

        sign_in_again(browser)
        browser.post(PAGE, {"code": codes[0]})
        assert actions()[-2:] == [Action.RECOVERY_CODE_USED, Action.SIGNED_IN]

    def test_using_a_recovery_code_says_how_many_are_left(self, browser: Client) -> None:
        _app, codes = set_up(browser)
        sign_in_again(browser)
        page = browser.post(PAGE, {"code": codes[0]}, follow=True)

        assert "9 recovery codes are left" in page.text
        event = ChangeEvent.objects.get(action=Action.RECOVERY_CODE_USED)
        assert (event.actor, event.facts) == ("li.wei", {"left": 9})

    def test_a_mistyped_recovery_code_is_not_sent_back(self, browser: Client) -> None:
        _app, codes = set_up(browser)
        sign_in_again(browser)

        assert codes[0][1:] not in browser.post(PAGE, {"code": codes[0][1:]}).text

    def test_full_width_digits_are_accepted(self, browser: Client) -> None:
        def full_width(code: str) -> str:
            return "".join(chr(ord(letter) + 0xFEE0) for letter in code)

        app = App(browser.get(PAGE).text)
        answer = browser.post(PAGE, {"code": full_width(app.code(steps=-1))})
        codes = re.findall(r"<li><code>([a-z0-9-]+)</code>", answer.text)
        for code in (app.code(), codes[0]):
            sign_in_again(browser)
            browser.post(PAGE, {"code": full_width(code)})
            assert is_in(browser)

    @pytest.mark.parametrize("code", ["", "12345", "1234567", "１２３４５６", "+12345", "a" * 41])
    def test_a_malformed_code_is_refused(self, browser: Client, code: str) -> None:
        set_up(browser)
        sign_in_again(browser)
        answer = browser.post(PAGE, {"code": code})

        assert (answer.status_code, "errorlist" in answer.text) == (200, True)
        assert not is_in(browser)

    def test_a_clock_that_is_half_a_minute_wrong_is_tolerated(self, browser: Client) -> None:
        app, _codes = set_up(browser)  # the phone is a step behind
        TotpDevice.objects.update(last_step=-1)
        sign_in_again(browser)
        browser.post(PAGE, {"code": app.code(steps=-2)})

        assert is_in(browser)

    def test_guessing_is_slowed_down(self, browser: Client) -> None:
        app, _codes = set_up(browser)
        sign_in_again(browser)
        browser.post(PAGE, {"code": "000000"})

        assert "Too many wrong codes." in browser.post(PAGE, {"code": app.code()}).text
        TotpDevice.objects.update(
            throttling_failure_timestamp=timezone.now() - timedelta(seconds=2)
        )
        assert browser.post(PAGE, {"code": app.code()}).status_code == 302

    def test_the_wait_is_at_most_a_quarter_of_an_hour(self, browser: Client) -> None:
        app, _codes = set_up(browser)
        sign_in_again(browser)
        guessed = timezone.now() - timedelta(minutes=14)
        TotpDevice.objects.update(
            throttling_failure_count=1900, throttling_failure_timestamp=guessed
        )
        wait = re.search(r"Wait (\d+) seconds", browser.post(PAGE, {"code": app.code()}).text)

        assert wait
        assert int(wait[1]) <= 61
        TotpDevice.objects.update(throttling_failure_timestamp=guessed - timedelta(minutes=1))
        assert browser.post(PAGE, {"code": app.code()}).status_code == 302

    def test_a_recovery_code_that_came_too_soon_is_not_sent_back(self, browser: Client) -> None:
        _app, codes = set_up(browser)
        sign_in_again(browser)
        for code in ("000000", codes[0]):
            answer = browser.post(PAGE, {"code": code})

        assert "Too many wrong codes." in answer.text
        assert codes[0] not in answer.text

    @pytest.mark.parametrize("kind", ["app", "recovery"])
    def test_another_users_code_is_refused(self, browser: Client, kind: str) -> None:
        app, codes = set_up(browser)
        User.objects.create_superuser("wang.fang", password=PASSWORD)
        other = Client()
        other.post("/admin/login/", {"username": "wang.fang", "password": PASSWORD})
        other.get(PAGE)
        other.post(PAGE, {"code": app.code() if kind == "app" else codes[0]})

        assert not is_in(other)
        assert RecoveryCode.objects.count() == 10

    def test_a_sign_in_changes_the_key_of_the_session(self, browser: Client) -> None:
        app, _codes = set_up(browser)
        sign_in_again(browser)
        known = browser.session.session_key
        browser.post(PAGE, {"code": app.code()})

        assert is_in(browser)
        assert browser.session.session_key != known
        assert not Session.objects.filter(session_key=known).exists()

    def test_an_address_elsewhere_is_not_followed(self, browser: Client) -> None:
        app = App(browser.get(PAGE).text)
        answer = browser.post(PAGE, {"code": app.code(), "next": "https://evil.example/"})

        assert "evil.example" not in answer.text

    def test_a_person_can_sign_out_before_entering_a_code(self, browser: Client) -> None:
        browser.post("/admin/logout/")

        assert "_auth_user_id" not in browser.session

    def test_without_the_variable_no_code_is_required(self, browser: Client, settings: Any) -> None:
        settings.ADMIN_REQUIRE_TOTP = False

        assert is_in(browser)
        assert browser.get(PAGE).headers["Location"] == "/admin/"

    def test_strangers_are_sent_to_the_sign_in(self, db: None) -> None:
        assert Client().get(PAGE, follow=True).redirect_chain[-1][0].startswith("/admin/login/")
        assert not TotpDevice.objects.exists()

    def test_a_lost_encryption_key_is_explained_in_a_sentence(
        self, browser: Client, settings: Any
    ) -> None:
        app, _codes = set_up(browser)
        sign_in_again(browser)
        settings.TOKEN_ENCRYPTION_KEYS = ["another-key-" * 4]

        refused = browser.post(PAGE, {"code": app.code()})
        assert "because TOKEN_ENCRYPTION_KEYS lacks the key that encrypted it" in refused.text
