from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection
from django.test import Client

from verification.account_digests import AccountPart
from verification.accounts.backends import set_backend
from verification.audit_log.account_check import CORRECTIONS, FIND_OUT, READ_RUNBOOK
from verification.audit_log.schema_check import DIFFERENCE_ADVICE, TRIGGER_ADVICE
from verification.models import (
    AESKey,
    Backend,
    ChainHead,
    OfficialAccount,
    Seal,
    Tally,
    Token,
    VerificationAttempt,
)
from verification.tests.support.accounts import LI_WEI
from verification.tests.support.adapter import A, B
from verification.tests.support.checkout import Checkout
from verification.tests.support.messages import AES_KEY, store_aes_key
from verification.tests.support.signer import push, verification
from verification.tests.support.tampering import as_owner


@pytest.fixture
def three_attempts(brand_a: OfficialAccount) -> None:
    for query in (verification(A), verification(B), verification(A)):
        Client().get(f"/wechat/brand-a?{query}")
    Client().post(f"/wechat/brand-a?{push(A)}")


def findings(**options: str) -> list[str]:
    """Return the lines of the error that the command ends with."""
    with pytest.raises(CommandError) as refusal:
        call_command("verify_audit", **options)
    assert refusal.value.returncode == 1
    return str(refusal.value).splitlines()


@pytest.mark.usefixtures("three_attempts")
def test_an_operator_reads_how_much_was_checked(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("verify_audit")
    out, err = capsys.readouterr()

    head = ChainHead.objects.get()
    assert out == (
        "The log is intact: 3 attempts under 3 seals; "
        "tallies add up, tables and triggers are in place.\n"
        f"Keep this elsewhere, for --head: 3:{bytes(head.last_digest).hex()}\n"
    )
    assert err == ""


def test_an_empty_log_is_intact(db: None, capsys: pytest.CaptureFixture[str]) -> None:
    call_command("verify_audit")

    assert capsys.readouterr().out.startswith("The log is intact: 0 attempts under 0 seals")


@pytest.mark.usefixtures("three_attempts")
def test_the_first_bad_seal_is_named_with_its_attempts() -> None:
    as_owner(VerificationAttempt, "UPDATE {table} SET nonce = '1' WHERE id >= 2")

    assert findings() == [
        "Something in seal 2 (attempt 2) was altered.",
        "Something in seal 3 (attempt 3) was altered.",
        "Checked: 3 attempts under 3 seals.",
    ]


@pytest.mark.usefixtures("three_attempts")
def test_an_attempt_that_was_removed_is_named() -> None:
    as_owner(VerificationAttempt, "DELETE FROM {table} WHERE id = 2")

    assert findings()[0] == "Attempt 2, in seal 2 (attempt 2), is missing or out of place."


@pytest.mark.usefixtures("three_attempts")
def test_a_cut_end_is_noticed() -> None:
    as_owner(VerificationAttempt, "DELETE FROM {table} WHERE id = 3")
    as_owner(Seal, "DELETE FROM {table} WHERE id = 3")

    assert "its end was cut off or replaced" in findings()[0]


@pytest.mark.usefixtures("three_attempts")
def test_every_finding_has_a_line() -> None:
    as_owner(VerificationAttempt, "UPDATE {table} SET status = 200, occurrences = 7 WHERE id = 2")
    as_owner(Tally, "UPDATE {table} SET count = 9 WHERE kind = 1 AND outcome = 1")
    with connection.cursor() as cursor:
        table = f" ON {Seal._meta.db_table}" if connection.vendor == "postgresql" else ""
        cursor.execute(f"DROP TRIGGER seal_refuses_update{table}")
    lines = findings()

    assert lines[0] == "Something in seal 2 (attempt 2) was altered."
    assert sum(line.startswith("The tally of account ") for line in lines) == 2
    assert lines[-3:-1] == [
        "The trigger seal_refuses_update of verification_seal is missing.",
        f"{DIFFERENCE_ADVICE} {TRIGGER_ADVICE}",
    ]
    assert lines[-1] == "Checked: 3 attempts under 3 seals."


@pytest.mark.usefixtures("three_attempts")
def test_the_lost_key_of_a_seal_is_named_but_not_shown(settings) -> None:
    lost = settings.TOKEN_ENCRYPTION_KEYS
    settings.TOKEN_ENCRYPTION_KEYS = ["another-key-" * 4]

    first = findings()[0]
    assert first.startswith(f"The key {Seal.objects.get(pk=1).key_id} of seal 1")
    assert "is not in TOKEN_ENCRYPTION_KEYS" in first
    assert lost[0] not in first


@pytest.mark.parametrize(
    ("altered", "parts"),
    [
        ({Token: {"created_by": "x"}}, [AccountPart.TOKENS]),
        ({AESKey: {"created_by": "x"}}, [AccountPart.AES_KEYS]),
        ({Backend: {"url": "https://evil.example.cn/"}}, [AccountPart.BACKEND]),
        ({OfficialAccount: {"name": "Brand Z"}}, [AccountPart.SETTINGS]),
        ({OfficialAccount: {"is_paused": True}}, [AccountPart.SETTINGS]),
        (
            {OfficialAccount: {"notes": "x"}, Token: {"created_by": "x"}},
            [AccountPart.SETTINGS, AccountPart.TOKENS],
        ),
    ],
)
def test_the_advice_fits_what_was_altered_of_an_account(
    brand_a: OfficialAccount, altered: dict[Any, dict[str, Any]], parts: list[AccountPart]
) -> None:
    store_aes_key(brand_a, AES_KEY)
    set_backend(brand_a, "https://crm.example.cn/wechat?key=1", "resend", 3, LI_WEI)
    for model, change in altered.items():
        model.objects.update(**change)
    advice = findings()[len(altered) : -1]

    assert advice == [str(line) for line in (FIND_OUT, *map(CORRECTIONS.get, parts), READ_RUNBOOK)]


def test_nothing_corrects_an_account_that_was_added_in_the_database(db: None) -> None:
    OfficialAccount.objects.create(name="Evil", slug="evil")

    assert findings()[1:-1] == [str(FIND_OUT), str(READ_RUNBOOK)]


@pytest.mark.usefixtures("three_attempts")
class TestAHeadThatWasKept:
    def test_a_log_that_contains_it_is_intact(self, capsys) -> None:
        kept = ChainHead.objects.get().text
        Client().get(f"/wechat/brand-a?{verification(A)}")
        call_command("verify_audit", head=kept)

        assert "is intact: 4 attempts" in capsys.readouterr().out

    def test_a_cut_with_a_matching_head_is_found(self) -> None:
        kept = ChainHead.objects.get().text
        cut_after(2)

        assert "The log ends at seal 2, but you kept seal 3: its end was cut off." in findings(
            head=kept
        )

    def test_a_rewritten_past_is_found(self) -> None:
        kept = f"2:{'0' * 64}"

        assert findings(head=kept)[0] == (
            "Seal 2 is not the one that you kept: the log was rewritten."
        )

    @pytest.mark.parametrize("text", ["3", "3:abc", "x:" + "0" * 64, ""])
    def test_a_malformed_head_is_refused(self, text: str) -> None:
        assert "is not a head: a seal's number, a colon" in findings(head=text)[0]


def cut_after(last: int) -> None:
    # A person with access to the database, and without the key, would do it like this.
    as_owner(VerificationAttempt, f"DELETE FROM {{table}} WHERE id > {last}")
    as_owner(Seal, f"DELETE FROM {{table}} WHERE id > {last}")
    seal = Seal.objects.get(pk=last)
    ChainHead.objects.update(
        last_seal_id=last, last_attempt_id=seal.last_id, last_digest=seal.digest
    )


@pytest.mark.usefixtures("transactional_db", "three_attempts")
def test_the_exit_code_tells_a_script(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path)
    intact = checkout.manage_test_database("verify_audit")
    as_owner(VerificationAttempt, "UPDATE {table} SET nonce = '1' WHERE id = 3")
    altered = checkout.manage_test_database("verify_audit")

    assert (intact.returncode, intact.stderr) == (0, "")
    assert (altered.returncode, altered.stdout) == (1, "")
    assert altered.stderr.splitlines() == [
        "CommandError: Something in seal 3 (attempt 3) was altered.",
        "Checked: 3 attempts under 3 seals.",
    ]
