from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.apps import apps
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission, User
from django.contrib.sessions.models import Session
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from verification.admin import moments
from verification.models import (
    ChangeEvent,
    OfficialAccount,
    Seal,
    Tally,
    Token,
    VerificationAttempt,
)
from verification.models.token import NO_TOKEN, SHAPE, rotate_token
from verification.protocol.words import Reason
from verification.tests.conftest import make_account
from verification.tests.contract import A, last_attempt
from verification.tests.signer import verification

CANARY = "CanaryInTheCoalMine2026"
PASSWORD = "correct horse battery"  # of li_wei, too
ON_RECORD = ["verificationattempt", "seal", "tally", "changeevent"]
Action = ChangeEvent.Action

SignIn = Callable[..., Client]


# --- People


@pytest.fixture
def li_wei_at_work(li_wei: User) -> Client:
    client = Client()
    client.force_login(li_wei)
    return client


@pytest.fixture
def staff(db: None) -> SignIn:
    """Signs in a member of staff who has these permissions, and no other."""

    def sign_in(*codenames: str) -> Client:
        user = User.objects.create_user("wang.fang", password=PASSWORD, is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
        client = Client()
        client.force_login(user)
        return client

    return sign_in


# --- What they do


def page(name: str, *arguments: Any) -> str:
    return reverse(f"admin:verification_{name}", args=arguments)


def add(client: Client, **fields: str) -> Any:
    form = {"name": "Brand C", "slug": "brand-c", "answers_at_root": "on", **fields}
    return client.post(page("officialaccount_add"), with_source(form))


def with_source(form: dict[str, str]) -> dict[str, str]:
    """A token that is given is entered, else one is generated."""
    return {"token_source": "enter" if form.get("token") else "generate", **form}


def act(client: Client, action: str, *accounts: OfficialAccount) -> Any:
    chosen = {"action": action, "_selected_action": [account.pk for account in accounts]}
    asked = client.post(page("officialaccount_changelist"), chosen)
    return client.post(asked["Location"]) if asked.status_code == 302 else asked


def tool(client: Client, name: str, account: OfficialAccount, **form: str) -> Any:
    url = reverse(f"admin:{name}_token", args=[account.pk])
    current = account.current_token
    return client.post(url, {"replaces": current.pk if current else NO_TOKEN, **with_source(form)})


def call(path: str, token: str, **headers: str) -> int:
    """WeChat, or somebody, calls; the status of the answer."""
    return Client(headers=headers).get(f"{path}?{verification(token)}").status_code


def errors(response: Any) -> str:
    """The sentences beside the fields of a form that came back."""
    return " ".join(re.findall(r'class="errorlist".*?</ul>', response.text, re.DOTALL))


def current_secret(account: OfficialAccount) -> str:
    token = account.current_token
    assert token is not None
    assert token.secret is not None
    text: str = token.secret.reveal()
    return text


def actions() -> list[str]:
    return list(ChangeEvent.objects.order_by("id").values_list("action", flat=True))


class TestAddingAnAccount:
    def test_a_token_is_generated_when_none_is_given(self, li_wei_at_work: Client) -> None:
        answer = add(li_wei_at_work)
        account = OfficialAccount.objects.get(slug="brand-c")
        text = current_secret(account)

        assert text in answer.text
        assert SHAPE.fullmatch(text)
        assert len(text) == 32
        assert (account.tokens.get().created_by, account.name) == ("li.wei", "Brand C")
        events = ChangeEvent.objects.filter(account=account).values_list("action", "actor")
        assert [*events] == [("token_created", "li.wei"), ("account_created", "li.wei")]

    def test_the_token_wechat_already_has_is_taken_as_it_is(self, li_wei_at_work: Client) -> None:
        add(li_wei_at_work, token=CANARY)

        assert call("/wechat/brand-c", CANARY) == 200

    @pytest.mark.parametrize(
        ("token", "sentence"),
        [
            (" TokenOfBrandC1234", "The token has a space or line break in it; remove it."),
            ("ab", "A token has 3 to 32 letters and digits, nothing else."),
            ("a" * 33, "A token has 3 to 32 letters and digits, nothing else."),
            ("token-of-brand-c", "A token has 3 to 32 letters and digits, nothing else."),
            ("令牌令牌令牌", "A token has 3 to 32 letters and digits, nothing else."),
        ],
    )
    def test_a_token_wechat_would_not_take_is_refused(
        self, li_wei_at_work: Client, token: str, sentence: str
    ) -> None:
        assert sentence in errors(add(li_wei_at_work, token=token))
        assert not OfficialAccount.objects.exists()
        assert not Token.objects.exists()

    def test_a_short_token_is_taken_with_a_warning(self, li_wei_at_work: Client) -> None:
        answer = add(li_wei_at_work, token="jerry")

        assert "A token of 5 characters can be guessed; use 16 or more." in answer.text

    def test_a_chinese_name_comes_with_a_random_slug(self, li_wei_at_work: Client) -> None:
        form = li_wei_at_work.get(page("officialaccount_add")).text
        slug = re.search(r'name="slug" value="([^"]*)"', form)
        assert slug is not None
        assert re.fullmatch("[a-z2-9]{8}", slug[1])
        add(li_wei_at_work, name="上海旗舰店", slug=slug[1])

        assert OfficialAccount.objects.get(slug=slug[1]).name == "上海旗舰店"

    @pytest.mark.parametrize("slug", ["Brand-C", "brand c", "品牌", "a/b", "a" * 41, "", "c\n"])
    def test_a_slug_that_no_server_url_can_have_is_refused(
        self, li_wei_at_work: Client, slug: str
    ) -> None:
        response = add(li_wei_at_work, slug=slug)
        if slug == "c\n":  # a form strips it
            assert OfficialAccount.objects.get().slug == "c"
        else:
            assert errors(response)
            assert not OfficialAccount.objects.exists()

    def test_a_slug_is_given_once(self, li_wei_at_work: Client, brand_a: OfficialAccount) -> None:
        assert "already exists" in errors(add(li_wei_at_work, slug="brand-a"))

    def test_the_fifty_first_account_at_the_root_is_told_to_stay_off_it(
        self, li_wei_at_work: Client
    ) -> None:
        for number in range(50):
            make_account(f"outlet-{number}")

        assert "50 accounts answer at / already." in errors(add(li_wei_at_work))
        add(li_wei_at_work, answers_at_root="")
        assert OfficialAccount.objects.filter(slug="brand-c").exists()


class TestTheTokenStaysHidden:
    def test_no_page_but_the_answer_to_a_request_for_it_shows_it(
        self, li_wei_at_work: Client
    ) -> None:
        add(li_wei_at_work, token=CANARY)
        account = OfficialAccount.objects.get()
        call("/wechat/brand-c", CANARY)
        li_wei_at_work.post(page("officialaccount_change", account.pk), {"name": "C", **UNCHANGED})
        assert CANARY in tool(li_wei_at_work, "reveal", account).text
        tool(li_wei_at_work, "rotate", account, token=CANARY + "2")

        pages = [li_wei_at_work.get(url) for url in every_admin_page()]
        assert {response.status_code for response in pages} == {200}
        assert not [response.request["PATH_INFO"] for response in pages if CANARY in response.text]

    def test_it_is_in_no_table_in_the_clear(self, li_wei_at_work: Client) -> None:
        add(li_wei_at_work, token=CANARY)
        account = OfficialAccount.objects.get()
        tool(li_wei_at_work, "reveal", account)
        tool(li_wei_at_work, "rotate", account, token=CANARY + "2")
        sessions = [session.get_decoded() for session in Session.objects.all()]
        rows = [
            row  # of secrets, the mask
            for model in apps.get_models(include_auto_created=True)
            for row in model._base_manager.values_list()
        ]

        assert LogEntry.objects.exists()
        assert sessions
        assert CANARY not in f"{rows} {sessions}"
        with connection.cursor() as cursor:
            cursor.execute("SELECT secret FROM verification_token")
            assert CANARY not in f"{cursor.fetchall()}"

    def test_no_browser_or_proxy_keeps_the_page_that_shows_it(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        for name in ("reveal", "rotate"):
            answer = tool(li_wei_at_work, name, brand_a)
            assert "no-store" in answer.headers["Cache-Control"]
            assert "private" in answer.headers["Cache-Control"]

    def test_seeing_it_is_on_record(self, li_wei_at_work: Client, brand_a: OfficialAccount) -> None:
        assert A in tool(li_wei_at_work, "reveal", brand_a).text
        seen = ChangeEvent.objects.get(action=Action.TOKEN_REVEALED)

        assert (seen.actor, seen.account) == ("li.wei", brand_a)
        assert seen.token_fingerprint == brand_a.tokens.get().fingerprint

    def test_a_link_cannot_reveal_it(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        response = li_wei_at_work.get(reverse("admin:reveal_token", args=[brand_a.pk]))

        assert response["Location"] == page("officialaccount_change", brand_a.pk)
        assert Action.TOKEN_REVEALED not in actions()

    @pytest.mark.parametrize("name", ["reveal", "rotate"])
    def test_each_needs_its_own_permission(
        self, staff: SignIn, brand_a: OfficialAccount, name: str
    ) -> None:
        other = {"reveal": "rotate_token", "rotate": "reveal_token"}[name]
        client = staff("view_officialaccount", "change_officialaccount", "view_token", other)
        before = actions()

        assert tool(client, name, brand_a).status_code == 403
        assert tool(Client(), name, brand_a).status_code == 302
        assert actions() == before
        account_page = client.get(page("officialaccount_change", brand_a.pk)).text
        assert reverse(f"admin:{name}_token", args=[brand_a.pk]) not in account_page

    def test_another_site_cannot_ask_for_it(self, li_wei: User, brand_a: OfficialAccount) -> None:
        client = Client(enforce_csrf_checks=True)
        client.force_login(li_wei)

        assert tool(client, "reveal", brand_a).status_code == 403

    def test_an_account_without_a_token_has_none_to_reveal(self, li_wei_at_work: Client) -> None:
        empty = make_account("empty")

        assert tool(li_wei_at_work, "reveal", empty).status_code == 404
        assert "No token" in li_wei_at_work.get(page("officialaccount_change", empty.pk)).text

    def test_a_lost_encryption_key_is_said_in_a_sentence(
        self, li_wei_at_work: Client, brand_a: OfficialAccount, settings: Any
    ) -> None:
        settings.TOKEN_ENCRYPTION_KEYS = ["another-key-" * 4]
        url = reverse("admin:reveal_token", args=[brand_a.pk])
        text = li_wei_at_work.post(url, follow=True).text

        assert "put its key back into TOKEN_ENCRYPTION_KEYS" in text


#: What the account page sends besides the name.
UNCHANGED = {"answers_at_root": "on", "slug": "brand-c"}


def every_admin_page() -> list[str]:
    """The index, and for every model its list, its form and the pages of every row."""
    urls = [reverse("admin:index"), reverse("admin:app_list", args=["verification"])]
    for model in (OfficialAccount, VerificationAttempt, Seal, Tally, ChangeEvent, User):
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        urls.append(reverse(f"{name}_changelist"))
        for row in model._default_manager.all():
            urls += [reverse(f"{name}_{view}", args=[row.pk]) for view in ("change", "history")]
    rotate = [reverse("admin:rotate_token", args=[row.pk]) for row in OfficialAccount.objects.all()]
    return [*urls, *rotate, page("officialaccount_add")]


class TestRotating:
    NEW = "NewTokenOfBrandA99"

    @pytest.mark.parametrize(
        ("keep_old", "hours"), [("", None), ("0", 0), ("1", 1), ("24", 24), ("168", 168)]
    )
    def test_the_old_token_stays_as_long_as_was_chosen(
        self, li_wei_at_work: Client, brand_a: OfficialAccount, keep_old: str, hours: int | None
    ) -> None:
        answer = tool(li_wei_at_work, "rotate", brand_a, token=self.NEW, keep_old=keep_old)
        old = brand_a.tokens.exclude(superseded_at=None).get()

        assert self.NEW in answer.text
        if hours is None:
            assert old.expires_at is None
        else:
            assert old.superseded_at is not None
            assert old.expires_at == old.superseded_at + timedelta(hours=hours)
        assert call("/wechat/brand-a", A) == (403 if hours == 0 else 200)
        assert call("/wechat/brand-a", self.NEW) == 200
        assert actions()[-1] == Action.TOKEN_ROTATED

    def test_two_tokens_are_live_and_the_page_tells_them_apart(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        tool(li_wei_at_work, "rotate", brand_a)
        text = li_wei_at_work.get(page("officialaccount_change", brand_a.pk)).text

        assert text.count("Current token") == text.count("Previous token") == 1
        assert "WeChat has used the new one, and 24 hours more" in text
        call("/wechat/brand-a", current_secret(brand_a))
        text = li_wei_at_work.get(page("officialaccount_change", brand_a.pk)).text
        assert "WeChat has used the new one, and 24 hours more" not in text

    @pytest.mark.parametrize(
        ("token", "sentence"),
        [
            (A, "This is the current token already."),
            ("no-hyphens-please", "A token has 3 to 32 letters and digits, nothing else."),
        ],
    )
    def test_a_token_that_cannot_be_is_refused_and_nothing_rotates(
        self, li_wei_at_work: Client, brand_a: OfficialAccount, token: str, sentence: str
    ) -> None:
        assert sentence in errors(tool(li_wei_at_work, "rotate", brand_a, token=token))
        assert brand_a.tokens.count() == 1

    def test_an_overlap_that_is_not_offered_is_refused(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        assert errors(tool(li_wei_at_work, "rotate", brand_a, keep_old="9999"))
        assert brand_a.tokens.count() == 1


class TestPausing:
    def test_paused_is_refused_and_resumed_is_accepted(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        act(li_wei_at_work, "pause", brand_a)
        assert call("/wechat/brand-a", A) == 403
        assert last_attempt().reason == Reason.PAUSED_ACCOUNT

        act(li_wei_at_work, "resume", brand_a)
        assert call("/wechat/brand-a", A) == 200
        assert actions()[-2:] == [Action.ACCOUNT_PAUSED, Action.ACCOUNT_RESUMED]

    def test_only_what_changes_is_an_event(
        self, li_wei_at_work: Client, brand_a: OfficialAccount, brand_b: OfficialAccount
    ) -> None:
        brand_a.pause(actor="wang.fang")
        act(li_wei_at_work, "pause", brand_a, brand_b)

        pauses = ChangeEvent.objects.filter(action=Action.ACCOUNT_PAUSED).order_by("id")
        assert [(event.actor, event.account) for event in pauses] == [
            ("wang.fang", brand_a),
            ("li.wei", brand_b),
        ]

    def test_who_may_only_look_cannot_pause(self, staff: SignIn, brand_a: OfficialAccount) -> None:
        act(staff("view_officialaccount"), "pause", brand_a)

        assert call("/wechat/brand-a", A) == 200


class TestChangingAnAccount:
    def test_what_was_changed_is_named_in_the_change_log(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        url = page("officialaccount_change", brand_a.pk)
        form = {**UNCHANGED, "name": "Brand A", "slug": "a2", "notes": "Was brand-a."}
        li_wei_at_work.post(url, {**form, "initial-slug": "brand-a"})
        event = ChangeEvent.objects.latest("id")

        assert (event.action, event.actor) == (Action.ACCOUNT_CHANGED, "li.wei")
        assert event.detail == "name, slug, notes"
        li_wei_at_work.post(url, {**form, "initial-slug": "a2"})
        assert ChangeEvent.objects.latest("id") == event

    def test_the_slug_is_fixed_once_somebody_called(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        url = page("officialaccount_change", brand_a.pk)
        assert 'name="slug"' in li_wei_at_work.get(url).text
        call("/wechat/brand-a", "WrongToken1234567")

        assert 'name="slug"' not in li_wei_at_work.get(url).text
        li_wei_at_work.post(url, {**UNCHANGED, "name": "Brand A", "slug": "other"})
        brand_a.refresh_from_db()
        assert (brand_a.name, brand_a.slug) == ("Brand A", "brand-a")

    def test_an_account_with_attempts_stays(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        call("/wechat/brand-a", A)
        url = page("officialaccount_delete", brand_a.pk)

        assert url not in li_wei_at_work.get(page("officialaccount_change", brand_a.pk)).text
        assert li_wei_at_work.post(url, {"post": "yes"}).status_code == 403
        assert OfficialAccount.objects.get() == brand_a

    def test_an_account_that_nobody_called_can_go_and_its_going_is_recorded(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        url = page("officialaccount_delete", brand_a.pk)
        assert url in li_wei_at_work.get(page("officialaccount_change", brand_a.pk)).text
        li_wei_at_work.post(url, {"post": "yes"})

        assert not OfficialAccount.objects.exists()
        event = ChangeEvent.objects.latest("id")
        assert (event.actor, event.action) == ("li.wei", Action.ACCOUNT_DELETED)
        assert event.detail == "Brand-A (brand-a)"

    def test_there_is_no_deleting_in_bulk(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        for name in ("officialaccount", *ON_RECORD):
            assert "delete_selected" not in li_wei_at_work.get(page(f"{name}_changelist")).text
        act(li_wei_at_work, "delete_selected", brand_a)

        assert OfficialAccount.objects.get() == brand_a

    def test_a_longer_list_asks_no_more_queries(self, li_wei_at_work: Client) -> None:
        def count(accounts: int) -> int:
            for number in range(OfficialAccount.objects.count(), accounts):
                make_account(f"outlet-{number}", f"TokenOfOutlet{number:04}")
            with CaptureQueriesContext(connection) as queries:
                li_wei_at_work.get(page("officialaccount_changelist"))
            return len(queries)

        assert count(3) == count(30)


# --- What is on record


@pytest.fixture
def on_record(brand_a: OfficialAccount) -> OfficialAccount:
    """Two attempts, their seals and tallies, and the change events of an account."""
    call("/wechat/brand-a", A)
    call("/wechat/nobody", A)
    return brand_a


VIEWER = [f"view_{name}" for name in ON_RECORD]
EVERYTHING = [
    f"{verb}_{name}"
    for verb in ("view", "add", "change", "delete")
    for name in [*ON_RECORD, "officialaccount", "token"]
]


class TestTheRecord:
    @pytest.mark.parametrize("model", ON_RECORD)
    @pytest.mark.parametrize(
        ("person", "seen"),
        [
            ("superuser", 200),
            ("staff who may do everything", 200),
            ("viewer", 200),
            ("staff who may nothing", 403),
            ("anybody", 302),
        ],
    )
    def test_it_is_read_by_those_who_may_and_changed_by_nobody(
        self, on_record: OfficialAccount, person: str, seen: int, model: str, request: Any
    ) -> None:
        client = self.sign_in(person, request)
        rows = apps.get_model("verification", model)._default_manager.order_by("pk")
        before = [*rows.values()]
        row = rows[0].pk

        assert client.get(page(f"{model}_changelist")).status_code == seen
        assert client.get(page(f"{model}_change", row)).status_code == seen
        forbidden = 302 if person == "anybody" else 403
        form = {"detail": "forged", "count": "7", "actor": "nobody", "post": "yes", "_save": "1"}
        for url in (
            page(f"{model}_add"),
            page(f"{model}_change", row),
            page(f"{model}_delete", row),
        ):
            assert client.post(url, form).status_code == forbidden, url
        assert [*rows.values()] == before

    def sign_in(self, person: str, request: Any) -> Client:
        if person == "superuser":
            superuser: Client = request.getfixturevalue("li_wei_at_work")
            return superuser
        if person == "anybody":
            return Client()
        codenames = {"viewer": VIEWER, "staff who may do everything": EVERYTHING}.get(person, [])
        member: Client = request.getfixturevalue("staff")(*codenames)
        return member

    @pytest.mark.parametrize("model", ON_RECORD)
    def test_lists_offer_no_action_and_cannot_be_edited(
        self, on_record: OfficialAccount, li_wei_at_work: Client, model: str
    ) -> None:
        rows = apps.get_model("verification", model)._default_manager.order_by("pk")
        before = [*rows.values()]
        url = page(f"{model}_changelist")
        form = {"action": "delete_selected", "_selected_action": rows[0].pk, "post": "yes"}

        assert 'name="action"' not in li_wei_at_work.get(url).text
        li_wei_at_work.post(url, {**form, "form-TOTAL_FORMS": "1", "_save": "1"})
        assert [*rows.values()] == before

    @pytest.mark.parametrize(
        "term",
        [
            "81.69.103.129",
            " ::ffff:81.69.103.129 ",
            "5d0c2f1e-8f4a-4c67-9d1c-0a2b3c4d5e6f",
            "5D0C2F1E8F4A4C679D1C0A2B3C4D5E6F",
            "needle",
            "/wechat/needle-in-hay",
        ],
    )
    def test_an_attempt_is_found_by_ip_request_id_and_path(
        self, on_record: OfficialAccount, li_wei_at_work: Client, settings: Any, term: str
    ) -> None:
        settings.TRUSTED_PROXY_COUNT = 1
        request_id = "5d0c2f1e-8f4a-4c67-9d1c-0a2b3c4d5e6f"
        sent = {"X-Forwarded-For": "81.69.103.129", "X-Request-ID": request_id}
        call("/wechat/needle-in-hay", A, **sent)
        found = li_wei_at_work.get(page("verificationattempt_changelist"), {"q": term})

        assert "/wechat/needle-in-hay" in found.text
        assert "1 verification attempt\n" in found.text

    @pytest.mark.parametrize("term", ["81.69.103.130", "haystack", "%", "'", "e" * 5000])
    def test_searching_for_what_is_not_there_finds_nothing(
        self, on_record: OfficialAccount, li_wei_at_work: Client, term: str
    ) -> None:
        response = li_wei_at_work.get(page("verificationattempt_changelist"), {"q": term})

        assert response.status_code == 200
        assert "/wechat/nobody" not in response.text

    def test_searching_for_a_nul_is_answered(
        self, on_record: OfficialAccount, li_wei_at_work: Client
    ) -> None:
        response = li_wei_at_work.get(page("verificationattempt_changelist"), {"q": "a\x00b"})

        assert response.status_code == 200

    @pytest.mark.parametrize("model", [*ON_RECORD, "officialaccount"])
    def test_every_filter_answers(
        self, on_record: OfficialAccount, li_wei_at_work: Client, model: str
    ) -> None:
        text = li_wei_at_work.get(page(f"{model}_changelist")).text
        links = set(re.findall(r'<a href="(\?[^"]+)"', text))

        assert links or model == "seal"
        for link in links:
            url = page(f"{model}_changelist") + link.replace("&amp;", "&")
            assert li_wei_at_work.get(url).status_code == 200, link

    def test_a_call_to_nobody_has_no_account_and_says_its_path(
        self, on_record: OfficialAccount, li_wei_at_work: Client
    ) -> None:
        attempt = last_attempt()
        assert attempt.account is None

        for url in (
            page("verificationattempt_changelist"),
            page("verificationattempt_change", attempt.pk),
        ):
            assert "/wechat/nobody" in li_wei_at_work.get(url).text

    def test_a_user_agent_is_text_and_no_script(
        self, on_record: OfficialAccount, li_wei_at_work: Client
    ) -> None:
        call("/wechat/brand-a", A, **{"User-Agent": "<script>alert(1)</script>"})
        text = li_wei_at_work.get(page("verificationattempt_change", last_attempt().pk)).text

        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
        assert "<script>alert(1)" not in text

    def test_an_attempt_is_shown_with_units_and_zone(
        self, on_record: OfficialAccount, li_wei_at_work: Client
    ) -> None:
        attempt = VerificationAttempt.objects.earliest("id")
        text = li_wei_at_work.get(page("verificationattempt_change", attempt.pk)).text

        assert bytes(attempt.signature or b"").hex() in text
        assert re.search(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \(UTC\+8\)", text)
        assert f"{attempt.clock_skew:,} s" in text
        assert re.search(r">\d+\.\d ms<", text)

    @pytest.mark.parametrize(
        ("zone", "name"),
        [
            ("UTC", "UTC"),
            ("Asia/Shanghai", "UTC+8"),
            ("Asia/Kolkata", "UTC+5:30"),
            ("America/St_Johns", "UTC-3:30"),
        ],
    )
    def test_zones_are_named_by_their_distance_from_utc(
        self, on_record: OfficialAccount, settings: Any, zone: str, name: str
    ) -> None:
        settings.TIME_ZONE = zone
        winter = last_attempt().recorded_at.replace(month=1)

        assert moments.zoned(winter).endswith(f" ({name})")


class TestTheChangeLog:
    def test_signing_in_and_out_is_recorded_with_the_address(self, li_wei: User) -> None:
        client = Client(REMOTE_ADDR="81.69.103.129")
        form = {"username": "li.wei", "password": PASSWORD}
        assert client.post(reverse("admin:login"), form).status_code == 302
        client.post(reverse("admin:logout"))

        assert actions() == [Action.SIGNED_IN, Action.SIGNED_OUT]
        for event in ChangeEvent.objects.all():
            assert (event.actor, event.client_ip) == ("li.wei", "81.69.103.129")

    def test_a_failed_sign_in_is_recorded_without_the_password(self, li_wei: User) -> None:
        form = {"username": "li.wei", "password": CANARY}
        assert Client().post(reverse("admin:login"), form).status_code == 200
        event = ChangeEvent.objects.get()

        assert (event.actor, event.action) == ("li.wei", Action.SIGN_IN_FAILED)
        assert CANARY not in f"{[*ChangeEvent.objects.values()]}"

    def test_events_of_an_account_that_was_deleted_since_can_be_read(
        self, li_wei_at_work: Client
    ) -> None:
        account = make_account("gone", "TokenOfTheGoneOne")
        event = ChangeEvent.objects.get(account=account)
        account.delete()

        for url in (page("changeevent_changelist"), page("changeevent_change", event.pk)):
            response = li_wei_at_work.get(url)
            assert response.status_code == 200
            assert "deleted since" in response.text

    def test_it_is_searched_by_person_and_by_account(
        self, li_wei_at_work: Client, brand_a: OfficialAccount
    ) -> None:
        rotate_token(brand_a, "NewTokenOfBrandA99", actor="wang.fang")
        for term in ("wang", "rand-a", brand_a.tokens.latest("id").fingerprint):
            text = li_wei_at_work.get(page("changeevent_changelist"), {"q": term}).text
            assert "wang.fang" in text, term

        text = li_wei_at_work.get(page("changeevent_changelist"), {"q": "nobody"}).text
        assert "wang.fang" not in text
