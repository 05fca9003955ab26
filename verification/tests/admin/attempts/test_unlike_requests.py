"""A row that stands for many unlike requests says so wherever attempts are read."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.management import call_command
from django.test import Client

from verification.callbacks.recording import row_budget, verify
from verification.metrics import render_metrics
from verification.models import OfficialAccount, VerificationAttempt
from verification.tests.support.accounts import make_account
from verification.tests.support.adapter import A, B
from verification.tests.support.admin_client import page
from verification.tests.support.attempt_list import column, show
from verification.tests.support.callback_factory import EXHAUSTED, make_callback
from verification.tests.support.exports import export_sealed
from verification.tests.support.signer import verification

Output = pytest.CaptureFixture[str]


@pytest.fixture
def flood(brand_a: OfficialAccount) -> VerificationAttempt:
    """Record a wrong token of WeChat's and then a flood; return the row that stands for most."""
    make_account("brand-z", "TokenOfBrandZ1234")
    wechat = {"user-agent": "Mozilla/4.0"}
    verify([make_callback(verification(B), peer="81.69.103.129", headers=wechat)])
    queries = [verification(B), f"{verification(A)}&nonce=3", verification(A, timestamp="noon")]
    row_budget.shared_rows = EXHAUSTED
    verify(
        [
            make_callback(query, path=path, peer="203.0.113.9")
            for _ in range(20)
            for path in (b"/wechat/brand-a", b"/wechat/brand-z")
            for query in queries
        ]
    )
    return VerificationAttempt.objects.latest("id")


def test_the_list_and_the_page_name_no_account(
    flood: VerificationAttempt, li_wei_at_work: Client
) -> None:
    text = show(li_wei_at_work, reason="mixed")
    detail = li_wei_at_work.get(page("verificationattempt_change", flood.pk)).text

    assert column(text, "called") == ["several accounts"]
    assert column(text, "in_short") == ["unlike requests of a flood ×100"]
    assert column(text, "client_ip") == ["203.0.113.9"]
    assert "several accounts" in detail
    assert "Mixed reasons" in detail
    assert "without a source or an account if there were several" in detail


def test_the_last_refusal_to_explain_is_another_one(
    flood: VerificationAttempt, capsys: Output
) -> None:
    call_command("explain_attempt")
    assert "unlike requests" not in capsys.readouterr().out

    call_command("explain_attempt", str(flood.pk))
    assert "stands for 100 requests of a flood" in capsys.readouterr().out


def test_exports_and_metrics_have_it(
    flood: VerificationAttempt, tmp_path: Path, capsys: Output
) -> None:
    call_command("verify_export", str(export_sealed(tmp_path / "export")))
    metrics = render_metrics("")[0].decode()

    assert "intact" in capsys.readouterr().out
    assert '"reason":"mixed"' in (tmp_path / "export").read_text().replace(" ", "")
    assert 'reason="mixed"} 100' in metrics
