from __future__ import annotations

import csv
import json
import os
import re
import subprocess
import sys
import tracemalloc
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client
from django.utils import translation

from verification.models import OfficialAccount
from verification.tests.support.adapter import A, B
from verification.tests.support.checkout import Checkout, assert_one_sentence, on_test_database
from verification.tests.support.exports import NOON, exported, ids, make_attempts
from verification.tests.support.signer import push, signed, verification

KEYS = [
    "id",
    "recorded_at",
    "account",
    "path_slug",
    "kind",
    "method",
    "outcome",
    "reason",
    "detail",
    "status",
    "signature",
    "timestamp",
    "nonce",
    "echostr",
    "client_ip",
    "user_agent",
    "request_id",
    "scheme",
    "host",
    "clock_skew",
    "duration",
    "occurrences",
    "signature_name",
]
#: Columns that CSV has in addition.
EXPLANATION = ["account_name", "cause", "advice"]
BOM = "\ufeff"
CHANGING = {"request_id", "clock_skew", "duration"}


def call(slug: str, query: str, **headers: Any) -> None:
    Client().get(f"/wechat/{slug}?{query}", **headers)


def rows_of_csv(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, str]]:
    call_command("export_attempts", "--format=csv", *arguments)
    return list(csv.DictReader(capsys.readouterr().out.removeprefix(BOM).splitlines()))


def test_a_line_holds_everything_about_an_attempt(
    brand_a: OfficialAccount, capsys: pytest.CaptureFixture[str]
) -> None:
    call("brand-a", verification(A), HTTP_USER_AGENT="Mozilla/4.0", HTTP_HOST="wx.example.cn")
    record = exported(capsys)[0]

    assert list(record) == KEYS
    assert datetime.fromisoformat(record["recorded_at"]).utcoffset() == timedelta(0)
    UUID(record["request_id"])
    assert {name: record[name] for name in KEYS[2:] if name not in CHANGING} == {
        "account": "brand-a",
        "path_slug": "brand-a",
        "kind": "url_verification",
        "method": "GET",
        "outcome": "accepted",
        "reason": None,
        "detail": "",
        "status": 200,
        "signature_name": "signature",
        **signed(A),
        "echostr": "4375120948345356249",
        "client_ip": "127.0.0.1",
        "user_agent": "Mozilla/4.0",
        "scheme": "http",
        "host": "wx.example.cn",
        "occurrences": 1,
    }


def test_refusals_have_their_reason_and_accepted_pushes_have_no_line(
    brand_a: OfficialAccount, capsys: pytest.CaptureFixture[str]
) -> None:
    call("brand-a", verification(B))
    call("nobody", verification(A))
    call("brand-a", "signature=1")
    Client().post(f"/wechat/brand-a?{push(A)}")
    records = exported(capsys)

    assert [(record["account"], record["reason"], record["detail"]) for record in records] == [
        ("brand-a", "signature_mismatch", ""),
        (None, "unknown_account", ""),
        ("brand-a", "missing_parameter", "timestamp"),
    ]
    assert [record["id"] for record in records] == [1, 2, 3]


def test_both_formats_hold_the_same_and_csv_has_local_time(
    brand_a: OfficialAccount, capsys: pytest.CaptureFixture[str]
) -> None:
    call("brand-a", verification(A))
    call("nobody", verification(B))
    records = exported(capsys, "--format", "jsonl")
    for row, record in zip(rows_of_csv(capsys), records, strict=True):
        time, utc = row.pop("recorded_at"), record.pop("recorded_at")
        row = {name: value.removeprefix("'") for name, value in row.items() if name in KEYS}

        assert row == {name: "" if value is None else str(value) for name, value in record.items()}
        assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}\+08:00", time)
        assert abs(datetime.fromisoformat(time) - datetime.fromisoformat(utc)) < timedelta(
            seconds=1
        )


def test_csv_names_the_account_and_explains_the_attempt(
    brand_a: OfficialAccount, capsys: pytest.CaptureFixture[str]
) -> None:
    call("brand-a", verification(A))
    call("brand-a", verification("Nonsense"))
    accepted, refused = rows_of_csv(capsys)

    assert [accepted[name] for name in ("account", "account_name", "cause")] == [
        *("brand-a", "Brand-A", "accepted")
    ]
    assert refused["cause"] == "unknown token"
    assert "the one on the account page" in refused["advice"]
    with translation.override("zh-hans"):
        assert rows_of_csv(capsys)[1]["cause"] == "未知令牌"


@pytest.mark.parametrize("start", ["=", "＝", "＋", "－", "＠"])
def test_no_name_of_an_account_is_a_formula_either(
    brand_a: OfficialAccount, capsys: pytest.CaptureFixture[str], start: str
) -> None:
    """Excel takes full-width signs as well."""
    OfficialAccount.objects.update(name=f"{start}1+1")
    call("brand-a", verification(A))

    assert rows_of_csv(capsys)[0]["account_name"] == f"'{start}1+1"


@pytest.mark.parametrize("start", ["=", "+", "-", "@"])
def test_no_cell_is_a_formula_in_a_spreadsheet(
    brand_a: OfficialAccount, capsys: pytest.CaptureFixture[str], start: str
) -> None:
    evil = f'{start}HYPERLINK("http://evil.example","a,b")'
    call("brand-a", verification(B, nonce=f"{start}1+1"), HTTP_USER_AGENT=evil, HTTP_HOST=evil)
    row = rows_of_csv(capsys)[0]

    assert (row["user_agent"], row["host"], row["nonce"]) == (
        f"'{evil}",
        f"'{evil}",
        f"'{start}1+1",
    )
    assert exported(capsys)[0]["user_agent"] == evil


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("4375120948345356249", "'4375120948345356249"),  # otherwise 4.37512E+18
        ("1514711492", "1514711492"),
        ("0012", "'0012"),
        ("1e5", "'1e5"),
        ("2026-07-01", "'2026-07-01"),
        ("7-1", "'7-1"),
        ("'1", "''1"),  # the first apostrophe of a cell is never part of the value
        ("a12345678901234567", "a12345678901234567"),
    ],
)
def test_no_text_is_another_number_or_date_in_a_spreadsheet(
    brand_a: OfficialAccount, capsys: pytest.CaptureFixture[str], text: str, cell: str
) -> None:
    call("brand-a", verification(B), HTTP_USER_AGENT=text)

    assert rows_of_csv(capsys)[0]["user_agent"] == cell
    assert exported(capsys)[0]["user_agent"] == text


def test_a_negative_number_stays_a_number(
    brand_a: OfficialAccount, capsys: pytest.CaptureFixture[str]
) -> None:
    call("brand-a", verification(A, timestamp="9999999999"))
    row = rows_of_csv(capsys)[0]

    assert int(row["clock_skew"]) < 0


def test_attempts_can_be_filtered_by_the_slug_of_an_account(
    brand_a: OfficialAccount, brand_b: OfficialAccount, capsys: pytest.CaptureFixture[str]
) -> None:
    for slug in ("brand-a", "brand-b", "brand-a", "nobody"):
        call(slug, verification(A))

    assert ids(capsys, "--account", "brand-a") == [1, 3]
    assert ids(capsys, "--account", "brand-b") == [2]
    assert ids(capsys) == [1, 2, 3, 4]


def test_an_unknown_account_is_refused_in_a_sentence(db: None) -> None:
    with pytest.raises(CommandError, match='no account with the slug "nobody"'):
        call_command("export_attempts", "--account", "nobody")


@pytest.mark.parametrize(
    ("format_", "expected"), [("jsonl", ""), ("csv", BOM + ",".join([*KEYS, *EXPLANATION]) + "\n")]
)
def test_an_empty_log_is_exported_too(
    db: None, capsys: pytest.CaptureFixture[str], format_: str, expected: str
) -> None:
    call_command("export_attempts", format=format_)

    assert capsys.readouterr().out.replace("\r\n", "\n") == expected


@pytest.mark.parametrize("format_", ["jsonl", "csv"])
def test_a_long_log_needs_no_more_memory_than_a_short_one(
    db: None, monkeypatch: pytest.MonkeyPatch, format_: str
) -> None:
    make_attempts([NOON] * 8_000)
    with Path(os.devnull).open("w") as nowhere:
        monkeypatch.setattr(sys, "stdout", nowhere)
        tracemalloc.start()
        call_command("export_attempts", format=format_)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()

    assert peak < 8_000_000  # all rows at once take 13 MB and more, one chunk of them 4 to 6 MB


def test_head_can_close_the_pipe_after_the_first_line(
    transactional_db: None, tmp_path: Path
) -> None:
    make_attempts([NOON] * 1000)
    Checkout(tmp_path)
    pipe = subprocess.run(
        f"{sys.executable} manage.py export_attempts | head -1",
        shell=True,
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], **on_test_database()},
        capture_output=True,
        text=True,
        timeout=20,
    )

    assert json.loads(pipe.stdout)["id"] == 1
    assert pipe.stderr == ""


def test_errors_are_one_sentence_and_an_exit_code(transactional_db: None, tmp_path: Path) -> None:
    make_attempts([NOON])
    checkout = Checkout(tmp_path)
    right = checkout.manage_test_database("export_attempts", "--since", "2026-11-23")
    wrong = checkout.manage_test_database("export_attempts", "--since", "yesterday")

    assert (right.returncode, json.loads(right.stdout)["id"]) == (0, 1)
    assert re.fullmatch(r"1 attempt, SHA-256 [0-9a-f]{64}\n", right.stderr)
    assert '"yesterday" is not a time' in assert_one_sentence(wrong)
