from __future__ import annotations

import ast
from pathlib import Path

import pytest
from django.conf import settings
from hypothesis import given
from hypothesis import strategies as st

from verification.protocol.signature import compute_signature, verify_signature
from verification.tests.support import signer
from verification.tests.support.vectors import vector_id, vectors

ACCEPTED = {"ok": True, "bad_signature": False, "must_reject": False, "policy": False}
printable = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=40)


@pytest.mark.parametrize(
    "vector",
    vectors("official_account_get", "plain_post", "sign_primitive"),
    ids=vector_id,
)
def test_published_signatures_are_judged_as_published(vector: dict[str, str]) -> None:
    try:
        signature = bytes.fromhex(vector["signature"])
    except ValueError:
        signature = b""
    if vector["signature"] != vector["signature"].lower():
        signature = b""  # parse_signature() accepts no upper-case signature.
    is_valid = verify_signature(vector["token"], [vector["timestamp"], vector["nonce"]], signature)

    assert is_valid is ACCEPTED[vector["expect"]]


@given(printable, printable, printable)
def test_signatures_agree_with_an_independent_signer(
    token: str, timestamp: str, nonce: str
) -> None:
    expected = signer.signature(token, timestamp, nonce)

    assert compute_signature(token, timestamp, nonce).hex() == expected
    assert verify_signature(token, [timestamp, nonce], bytes.fromhex(expected)) is (token != "")


@given(printable.filter(bool), st.integers(0, 159))
def test_a_signature_with_one_changed_bit_is_invalid(token: str, bit: int) -> None:
    right = compute_signature(token, "1714036504", "1514711492")
    wrong = (int.from_bytes(right, "big") ^ (1 << bit)).to_bytes(20, "big")

    assert not verify_signature(token, ["1714036504", "1514711492"], wrong)


@pytest.mark.parametrize("signature", [b"", b"\0", b"x" * 40])
def test_a_signature_of_another_length_matches_nothing(signature: bytes) -> None:
    assert not verify_signature("token", ["1", "2"], signature)


def test_parts_are_sorted_as_strings_not_as_numbers() -> None:
    assert compute_signature("2014", "9", "10").hex() == signer.signature("2014", "9", "10")
    assert compute_signature("2014", "9", "10") == compute_signature("9", "10", "2014")


def test_signatures_are_compared_in_one_place_only() -> None:
    files = [
        path.name
        for path in Path(settings.BASE_DIR, "verification").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr == "compare_digest"
    ]
    assert files == ["signature.py"]
