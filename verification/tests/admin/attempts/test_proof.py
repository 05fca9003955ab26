"""The signature and the seal on the page of an attempt, which reveals no secret."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils import timezone

from verification.accounts.tokens import rotate_token
from verification.audit_log.checkpoint import make_checkpoint
from verification.models import OfficialAccount, Seal, VerificationAttempt
from verification.protocol.signature import compute_signature
from verification.tests.support.accounts import LI_WEI
from verification.tests.support.adapter import A, B, last_attempt
from verification.tests.support.admin_client import page, wechat_verifies
from verification.tests.support.tampering import as_owner


def open_last(client: Client) -> str:
    return client.get(page("verificationattempt_change", last_attempt().pk)).text


def test_a_computed_signature_is_never_shown(
    li_wei_at_work: Client, brand_a: OfficialAccount, brand_b: OfficialAccount
) -> None:
    wechat_verifies(brand_a, B)
    attempt = last_attempt()
    text = open_last(li_wei_at_work)

    assert compute_signature(A, attempt.timestamp, attempt.nonce).hex() not in text
    assert "gives another signature, not shown because it would be accepted" in text
    assert f"Token {brand_b.tokens.get().fingerprint} of “Brand-B”" in text
    assert "✓ gives the same signature" in text


def test_the_page_hides_the_place_of_the_token_among_the_three(
    li_wei_at_work: Client, brand_a: OfficialAccount
) -> None:
    """People choose nonces, so a visible order would tell how the token compares with them."""
    pages = []
    for nonce in ("0", "~"):
        wechat_verifies(brand_a, "Nonsense", nonce=nonce)
        steps = open_last(li_wei_at_work).partition("<details")[2].partition("</details")[0]
        signature = bytes(last_attempt().signature or b"").hex()
        pages.append(steps.replace(f"<code>{nonce}</code>", "").replace(signature, ""))

    assert pages[0] == pages[1]


def test_tokens_that_came_later_are_not_compared(
    li_wei_at_work: Client, brand_a: OfficialAccount
) -> None:
    wechat_verifies(brand_a, "Nonsense")
    rotate_token(brand_a, "NewTokenOfBrandA99", LI_WEI)

    assert open_last(li_wei_at_work).count("gives another signature, not shown") == 1


def test_it_is_checked_as_the_page_is_opened(
    li_wei_at_work: Client, on_record: OfficialAccount
) -> None:
    text = open_last(li_wei_at_work)

    assert page("seal_change", 2) in text
    assert bytes(Seal.objects.get(pk=2).digest).hex()[:16] in text
    assert "✓ verifies" in text


@pytest.mark.parametrize(
    ("statement", "sentence"),
    [
        ("UPDATE {table} SET nonce = '5' WHERE id = 2", "was altered"),
        ("DELETE FROM {table} WHERE id = 1", "verifies"),
    ],
)
def test_an_altered_row_is_distinguished_from_its_neighbours(
    li_wei_at_work: Client, on_record: OfficialAccount, statement: str, sentence: str
) -> None:
    as_owner(VerificationAttempt, statement)

    assert sentence in open_last(li_wei_at_work)


@pytest.mark.parametrize(
    ("number", "sentence"), [(1, "Seal 1 is missing"), (2, "Its seal is missing")]
)
def test_a_seal_that_was_deleted_is_missed(
    li_wei_at_work: Client, on_record: OfficialAccount, number: int, sentence: str
) -> None:
    as_owner(Seal, f"DELETE FROM {{table}} WHERE id = {number}")

    assert sentence in open_last(li_wei_at_work)


def test_the_first_attempt_that_was_not_pruned_verifies_from_the_checkpoint(
    li_wei_at_work: Client, on_record: OfficialAccount
) -> None:
    first = Seal.objects.get(pk=1)
    make_checkpoint(first, timezone.now(), "zhang.wei").save()
    as_owner(Seal, "DELETE FROM {table} WHERE id = 1")

    assert "✓ verifies" in open_last(li_wei_at_work)
