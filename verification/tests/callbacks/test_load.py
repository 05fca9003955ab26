from __future__ import annotations

import json
import random
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from verification.models import OfficialAccount, VerificationAttempt
from verification.tests.support.adapter import A, B
from verification.tests.support.gunicorn import Gunicorn
from verification.tests.support.signer import push, verification
from verification.tests.support.tampering import as_owner

CLIENTS, REQUESTS = 20, 1000


def mixed_request(number: int) -> bytes:
    nonce = str(number)
    method, query = random.Random(number).choice(
        [
            ("GET", verification(A, nonce=nonce)),
            ("GET", verification(B, nonce=nonce)),
            ("GET", f"timestamp={nonce}"),
            ("POST", push(A, nonce=nonce)),
            ("POST", push(B, nonce=nonce)),
            ("HEAD", ""),
        ]
    )
    path = random.Random(-number).choice(["/wechat/brand-a", "/wechat/nobody", "/wechat/"])
    return f"{method} {path}?{query} HTTP/1.0\r\n\r\n".encode()


def output_of(*command: str) -> str:
    out = StringIO()
    call_command(*command, stdout=out)
    return out.getvalue()


@pytest.mark.postgresql
def test_a_thousand_mixed_requests_are_all_accounted_for(
    brand_a: OfficialAccount, gunicorn: Gunicorn, capsys: pytest.CaptureFixture[str]
) -> None:
    with ThreadPoolExecutor(CLIENTS) as clients:
        answers = clients.map(lambda number: gunicorn.send(mixed_request(number)), range(REQUESTS))
        statuses = Counter(int(answer.split(b" ", 2)[1]) for answer in answers)
    totals = json.loads(output_of("audit_totals", "--json"))
    pushes = sum(
        row["count"]
        for row in totals["rows"]
        if (row["kind"], row["outcome"]) == ("message_push", "accepted")
    )
    capsys.readouterr()
    call_command("export_attempts")
    exported = [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    assert set(statuses) == {200, 400, 403, 405}
    assert totals["total"] == REQUESTS
    assert sum(record["occurrences"] for record in exported) + pushes == REQUESTS
    assert [record["id"] for record in exported] == list(range(1, len(exported) + 1))
    assert "is intact" in output_of("verify_audit")

    as_owner(
        VerificationAttempt,
        "UPDATE {table} SET outcome = 1, reason = NULL, account_id = 1 WHERE id = 77",
    )
    with pytest.raises(CommandError, match="Something in seal"):
        output_of("verify_audit")
