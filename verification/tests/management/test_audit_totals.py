from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

from verification.models import OfficialAccount, Tally
from verification.tests.support.adapter import A, B
from verification.tests.support.signer import push, verification


@pytest.fixture
def traffic(brand_a: OfficialAccount, brand_b: OfficialAccount) -> None:
    """Seven callbacks, accepted and refused: to two accounts, and to an unknown one."""
    client = Client()
    for query in (verification(A), verification(A), verification(B)):
        client.get(f"/wechat/brand-a?{query}")
    client.post(f"/wechat/brand-b?{push(B)}")
    client.post(f"/wechat/brand-b?{push(A)}")
    client.get(f"/wechat/nobody?{verification(A)}")
    client.head("/wechat/brand-b")


def totals(capsys: pytest.CaptureFixture[str]) -> Any:
    call_command("audit_totals", "--json")
    return json.loads(capsys.readouterr().out)


@pytest.mark.usefixtures("traffic")
def test_an_operator_reads_the_count_of_each_account_kind_and_outcome(
    capsys: pytest.CaptureFixture[str],
) -> None:
    call_command("audit_totals")
    out, err = capsys.readouterr()
    lines = [" ".join(line.split()) for line in out.splitlines()]

    assert sorted(lines[:-1]) == [
        "1 Accepted Message push brand-b",
        "1 Refused Message push brand-b",
        "1 Refused URL verification (no account)",
        "1 Refused URL verification brand-a",
        "1 Refused URL verification brand-b",
        "2 Accepted URL verification brand-a",
    ]
    assert (lines[-1], err) == ("7 answered in total", "")


@pytest.mark.usefixtures("traffic")
def test_the_rows_add_up_to_the_total(capsys: pytest.CaptureFixture[str]) -> None:
    result = totals(capsys)

    assert result["total"] == sum(row["count"] for row in result["rows"]) == 7
    assert {
        "account": None,
        "kind": "url_verification",
        "outcome": "refused",
        "count": 1,
    } in result["rows"]
    assert all(list(row) == ["account", "kind", "outcome", "count"] for row in result["rows"])


@pytest.mark.usefixtures("traffic")
def test_every_answer_adds_one(capsys: pytest.CaptureFixture[str]) -> None:
    Client().get("/wechat/brand-a?signature=1")

    assert totals(capsys)["total"] == 8


def test_hours_are_summed(brand_a: OfficialAccount, capsys: pytest.CaptureFixture[str]) -> None:
    for hour in (1, 2):
        Tally.objects.create(
            account=brand_a, hour=f"2026-11-23T0{hour}:00Z", kind=2, outcome=1, count=1234567
        )
    call_command("audit_totals")

    assert "2,469,134  Accepted  Message push      brand-a\n" in capsys.readouterr().out


def test_without_callbacks_the_total_is_zero(db: None, capsys: pytest.CaptureFixture[str]) -> None:
    assert totals(capsys) == {"total": 0, "rows": []}
    call_command("audit_totals")

    assert capsys.readouterr().out.split() == ["0", "answered", "in", "total"]
