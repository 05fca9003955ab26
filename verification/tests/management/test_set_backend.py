"""manage.py set_backend, as an operator runs it."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from verification.models import Backend, ChangeEvent, OfficialAccount
from verification.tests.support.adapter import A
from verification.tests.support.admin_client import actions, last_event
from verification.tests.support.deliveries import CRM, MASKED, give_failing_backend, keep_waiting
from verification.tests.support.messages import AES_KEY, store_aes_key
from verification.tests.support.wecom import CORP_ID, OTHER_CORP_ID, SUITE_ID, make_wecom_app

Action = ChangeEvent.Action


def run(*arguments: str) -> str:
    out = StringIO()
    call_command("set_backend", *arguments, stdout=out)
    return out.getvalue()


def run_json(*arguments: str) -> dict[str, Any]:
    facts: dict[str, Any] = json.loads(run(*arguments, "--json"))
    return facts


def test_it_sets_a_backend_and_says_what_it_set(brand_a: OfficialAccount) -> None:
    out = run("brand-a", CRM, "--on-failure", "resend")

    assert out.splitlines() == [
        "Set the backend of Brand-A.",
        f"Backend URL:    {MASKED}",
        "When it fails:  Store nothing and let WeChat send it again",
    ]
    backend = Backend.objects.get()
    assert (backend.url, backend.on_failure) == (CRM, "resend")
    assert last_event().actor.startswith("command line")


def test_the_url_may_stand_behind_the_options(brand_a: OfficialAccount) -> None:
    run("brand-a", "--on-failure", "resend", CRM)

    assert Backend.objects.get().url == CRM


def test_the_choice_has_no_default_for_a_new_backend(brand_a: OfficialAccount) -> None:
    with pytest.raises(CommandError, match="--on-failure keep or resend"):
        run("brand-a", CRM)
    assert not Backend.objects.exists()


def test_later_it_changes_only_what_it_is_given(brand_a: OfficialAccount) -> None:
    run("brand-a", CRM, "--on-failure", "resend", "--retention-days", "7")
    facts = run_json("brand-a", "https://new.example.cn/wx")

    assert facts["changed"] == ["url"]
    assert facts["backend"]["url"] == "https://new.example.cn/wx"
    assert Backend.objects.get().retention_days == 7
    assert run("brand-a", "--on-failure", "resend").startswith("Brand-A has these settings already")


def test_the_secret_is_printed_only_if_one_asks_and_on_record(brand_a: OfficialAccount) -> None:
    quiet = run("brand-a", CRM, "--on-failure", "resend")
    secret = Backend.objects.get().secret.reveal()  # type: ignore[union-attr]
    assert "whsec_" not in quiet
    assert Action.WEBHOOK_SECRET_REVEALED not in actions()

    assert run("brand-a", "--show-secret").endswith(f"Webhook secret: {secret}\n")
    assert run_json("brand-a", "--show-secret")["webhook_secret"] == secret
    assert actions()[-2:] == [Action.WEBHOOK_SECRET_REVEALED] * 2


def test_removing_it_says_what_becomes_of_what_waits(brand_a: OfficialAccount) -> None:
    run("brand-a", CRM, "--on-failure", "resend")
    keep_waiting(brand_a, 12)
    out = run("brand-a", "--none")

    assert "followers get no reply" in out
    assert "12 messages are still in the spool." in out
    assert not Backend.objects.exists()
    assert run("brand-a", "--none") == "Brand-A has no backend; nothing was changed.\n"


def test_json_says_that_a_backend_fails(brand_a: OfficialAccount) -> None:
    give_failing_backend(brand_a)
    keep_waiting(brand_a, 2)
    backend = run_json("brand-a", "--retention-days", "9")["backend"]
    assert (backend["reason"], backend["url"]) == ("connection_refused", MASKED)

    out = StringIO()
    call_command("list_accounts", "--json", stdout=out)
    [account] = json.loads(out.getvalue())["accounts"]
    assert account["state"] == "failing"
    assert account["backend"]["reason"] == "connection_refused"
    assert (account["messages_waiting"], account["dead_letters"]) == (2, 0)
    assert account["oldest_message"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "Name a URL, or remove the backend with --none"),
        (["--none", CRM], "--none takes no URL"),
        (["--retention-days", "5"], "has no backend. Name its URL."),
        (["--show-secret"], "has no backend. Name its URL."),
        (["http://crm.example.cn", "--on-failure", "resend"], "^(?!url: ).*https"),
        ([CRM, "--on-failure", "resend", "--retention-days", "31"], "^Enter .* from 1 to 30"),
    ],
)
def test_what_it_cannot_do_it_says_in_a_sentence(
    brand_a: OfficialAccount, arguments: list[str], said: str
) -> None:
    with pytest.raises(CommandError, match=said):
        run("brand-a", *arguments)
    assert not Backend.objects.exists()


def test_messages_are_forwarded_decrypted_if_the_account_has_the_key(
    brand_a: OfficialAccount,
) -> None:
    with pytest.raises(CommandError, match="^First set the EncodingAESKey"):
        run("brand-a", CRM, "--on-failure", "resend", "--decrypted", "yes")
    store_aes_key(brand_a, AES_KEY)
    out = run("brand-a", CRM, "--on-failure", "resend", "--decrypted", "yes")

    assert out.endswith("Messages:       forwarded decrypted\n")
    assert run_json("brand-a", "--retention-days", "9")["backend"]["forwards_decrypted"] is True
    facts = run_json("brand-a", "--decrypted", "no")
    assert facts["changed"] == ["forwards_decrypted"]
    assert facts["backend"]["forwards_decrypted"] is False


def test_the_key_is_not_retired_while_the_backend_needs_it(brand_a: OfficialAccount) -> None:
    store_aes_key(brand_a, AES_KEY)
    run("brand-a", CRM, "--on-failure", "resend", "--decrypted", "yes")

    with pytest.raises(CommandError, match="gets messages decrypted, which needs this key"):
        call_command("set_aes_key", "brand-a", "--none")


def test_another_id_is_named_while_the_backend_needs_it(
    db: None, capsys: pytest.CaptureFixture[str]
) -> None:
    make_wecom_app("wecom", A)
    said = "Warning: The backend gets messages decrypted: from now on, only those that end with"
    call_command("set_account", "wecom", "--app-id", OTHER_CORP_ID)
    assert said not in capsys.readouterr().err

    run("wecom", CRM, "--on-failure", "resend", "--decrypted", "yes")
    call_command("set_account", "wecom", "--app-id", OTHER_CORP_ID, "--name", "Wecom")
    assert said not in capsys.readouterr().err
    call_command("set_account", "wecom", "--suite-id", SUITE_ID)
    assert f"{said} {OTHER_CORP_ID} / {SUITE_ID}." in capsys.readouterr().err
    call_command("set_aes_key", "wecom", "--app-id", CORP_ID)
    assert f"{said} {CORP_ID} / {SUITE_ID}." in capsys.readouterr().err
    call_command("set_aes_key", "wecom", "--app-id", CORP_ID)
    assert said not in capsys.readouterr().err
    with pytest.raises(CommandError, match="^app_id: Enter the CorpID"):
        call_command("set_account", "wecom", "--app-id", "")


@pytest.mark.skipif(connection.vendor == "postgresql", reason="PostgreSQL keeps messages")
def test_sqlite_keeps_no_messages(brand_a: OfficialAccount) -> None:
    with pytest.raises(CommandError, match="this server uses SQLite"):
        run("brand-a", CRM, "--on-failure", "keep")
