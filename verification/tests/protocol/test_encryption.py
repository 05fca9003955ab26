from __future__ import annotations

import base64
import json
import string
import traceback
from contextlib import suppress

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from hypothesis import given
from hypothesis import strategies as st

from verification.protocol.encryption import (
    Problem,
    ReplyEncryption,
    UndecryptableMessage,
    decode_aes_key,
    decrypt_message,
    encrypt_message,
    encrypted_push,
    encrypted_reply,
)
from verification.protocol.message import MalformedMessage, parse_message
from verification.protocol.signature import compute_signature, verify_signature
from verification.tests.support import signer
from verification.tests.support.vectors import vector_id, vectors

KEY = decode_aes_key("kWxPEV2UEDyxWpmPdKC3F4dgPDmOvfKX1HGnEUDS1aR")
BRAND_A, BRAND_B = "wx49f0ab532d5d035a", "wxb11529c136998cb6"
TOKEN = "BrandAToken2026"
PLAINTEXT = "<xml><Content>周日营业吗？</Content></xml>".encode()
#: What each expectation of the published messages means here.
PROBLEMS = {
    "bad_block_length": Problem.LENGTH,
    "bad_padding": Problem.PADDING,
    "bad_length": Problem.CONTENT,
    "appid_mismatch": Problem.RECEIVE_ID,
}


def encrypt_raw(padded: bytes) -> str:
    """Encrypt without adding anything, as a forger does who has the key."""
    encryptor = Cipher(AES(KEY), CBC(KEY[:16])).encryptor()
    return base64.b64encode(encryptor.update(padded) + encryptor.finalize()).decode()


def envelope(plaintext: bytes, receive_id: bytes, length: int | None = None) -> bytes:
    size = len(plaintext) if length is None else length
    return b"r" * 16 + size.to_bytes(4, "big") + plaintext + receive_id


def problem_of(encrypt: str, receive_id: str = BRAND_A) -> tuple[Problem, str]:
    with pytest.raises(UndecryptableMessage) as undecryptable:
        decrypt_message(KEY, encrypt, receive_id)
    text = "".join(traceback.format_exception(undecryptable.value))
    assert repr(KEY)[2:-1] not in text
    assert "Content" not in text
    return undecryptable.value.problem, undecryptable.value.receive_id


@pytest.mark.parametrize("vector", vectors("aes", "aes_json", "aes_forged"), ids=vector_id)
def test_published_messages_are_judged_as_published(vector: dict[str, str]) -> None:
    key = decode_aes_key(vector["encoding_aes_key"])
    try:
        signature = bytes.fromhex(vector["msg_signature"])
    except ValueError:
        signature = b""
    parts = [vector["timestamp"], vector["nonce"], vector["encrypt"]]
    is_signed = verify_signature(vector["token"], parts, signature)
    assert is_signed is (vector["expect"] != "bad_signature")

    if vector["expect"] in PROBLEMS:
        with pytest.raises(UndecryptableMessage) as undecryptable:
            decrypt_message(key, vector["encrypt"], vector["receive_id"])
        assert undecryptable.value.problem is PROBLEMS[vector["expect"]]
    else:
        plaintext = decrypt_message(key, vector["encrypt"], vector["receive_id"]).decode()
        assert plaintext == vector.get("plaintext", plaintext)
        assert vector.get("plaintext_contains", "") in plaintext
        parse_message(f"<xml><Encrypt>{vector['encrypt']}</Encrypt></xml>".encode())


def test_a_published_message_for_another_account_names_its_app_id() -> None:
    [vector] = [vector for vector in vectors("aes") if vector["id"] == "V27"]
    with pytest.raises(UndecryptableMessage) as undecryptable:
        decrypt_message(
            decode_aes_key(vector["encoding_aes_key"]), vector["encrypt"], vector["receive_id"]
        )
    assert undecryptable.value.receive_id == "wxb11529c136998cb6"
    assert vector["plaintext_contains"] not in str(undecryptable.value)


@pytest.mark.parametrize("vector", vectors("encrypt"), ids=vector_id)
def test_messages_are_encrypted_and_signed_as_published(vector: dict[str, str]) -> None:
    encrypt = encrypt_message(
        decode_aes_key(vector["encoding_aes_key"]),
        vector["plaintext"].encode(),
        vector["receive_id"],
        vector["random"].encode(),
    )
    signature = compute_signature(vector["token"], vector["timestamp"], vector["nonce"], encrypt)

    assert encrypt == vector["encrypt"]
    assert signature.hex() == vector["msg_signature"]


@given(st.binary(max_size=200), st.text(max_size=20))
def test_what_was_encrypted_is_decrypted(plaintext: bytes, receive_id: str) -> None:
    encrypt = encrypt_message(KEY, plaintext, receive_id)

    assert len(base64.b64decode(encrypt)) % 32 == 0
    assert decrypt_message(KEY, encrypt, receive_id) == plaintext


def test_two_encryptions_of_a_message_differ() -> None:
    encrypted = {encrypt_message(KEY, PLAINTEXT, BRAND_A) for _ in range(20)}

    assert len(encrypted) == 20


def test_a_key_whose_unused_bits_are_set_is_accepted() -> None:
    """The last of the 43 characters holds four bits of the key and two unused ones."""
    [key] = {decode_aes_key("a" * 42 + last) for last in "EFGH"}

    assert len(key) == 32


@pytest.mark.parametrize(
    "text",
    ["", "a" * 42, "a" * 44, "a" * 42 + "=", "a" * 43 + "\n", "a" * 42 + "+", "a" * 42 + "é"],
)
def test_a_malformed_key_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(ValueError, match="43 letters and digits") as refused:
        decode_aes_key(text)
    assert "aaa" not in str(refused.value)


@pytest.mark.parametrize("size", range(1, 33))
def test_padding_of_every_length_is_accepted(size: int) -> None:
    plaintext = b"a" * ((-20 - len(BRAND_A) - size) % 32)
    padded = envelope(plaintext, BRAND_A.encode()) + bytes([size]) * size

    assert decrypt_message(KEY, encrypt_raw(padded), BRAND_A) == plaintext


def test_a_message_padded_to_sixteen_bytes_is_accepted() -> None:
    padded = envelope(b"a" * 5, BRAND_A.encode()) + b"\x05" * 5
    assert len(padded) == 48

    assert decrypt_message(KEY, encrypt_raw(padded), BRAND_A) == b"a" * 5


@pytest.mark.parametrize(
    ("encrypt", "problem"),
    [
        ("not base64!", Problem.BASE64),
        ("é", Problem.BASE64),
        ("\ud800", Problem.BASE64),
        ("QUJ", Problem.BASE64),
        (" " + "A" * 64, Problem.BASE64),
        ("A" * 64 + "\n", Problem.BASE64),
        ("A" * 64 + "====", Problem.BASE64),
        ("A" * 42 + "B=", Problem.BASE64),
        ("-_" * 32, Problem.BASE64),
        ("", Problem.LENGTH),
        ("QUJD", Problem.LENGTH),
        (base64.b64encode(bytes(31)).decode(), Problem.LENGTH),
        (encrypt_raw(b"a" * 32), Problem.PADDING),
        (encrypt_raw(b"a" * 31 + b"\x00"), Problem.PADDING),
        (encrypt_raw(b"!" * 64), Problem.PADDING),
        (encrypt_raw(b"\x20" * 16), Problem.PADDING),
        (encrypt_raw(b"a" * 29 + b"\x01\x03\x03"), Problem.PADDING),
        (encrypt_raw(b"\x10" * 16), Problem.CONTENT),
        (encrypt_raw(b"r" * 19 + b"\x0d" * 13), Problem.CONTENT),
        (encrypt_raw(envelope(b"", b"", length=1) + b"\x0c" * 12), Problem.CONTENT),
        (encrypt_raw(envelope(b"", b"", length=2**32 - 1) + b"\x0c" * 12), Problem.CONTENT),
        (encrypt_raw(envelope(b"", b"") + b"\x0c" * 12), Problem.RECEIVE_ID),
    ],
)
def test_each_problem_of_a_forged_message_is_named(encrypt: str, problem: Problem) -> None:
    assert problem_of(encrypt) == (problem, "")


@pytest.mark.parametrize("receive_id", ["", BRAND_A[:-1], BRAND_A + "0", BRAND_A.upper(), "wx漢字"])
def test_a_tail_that_is_not_the_app_id_is_not_accepted(receive_id: str) -> None:
    encrypt = encrypt_message(KEY, PLAINTEXT, receive_id)

    assert problem_of(encrypt) == (Problem.RECEIVE_ID, "")


def test_the_app_id_of_another_account_is_named() -> None:
    encrypt = encrypt_message(KEY, PLAINTEXT, BRAND_B)

    assert problem_of(encrypt) == (Problem.RECEIVE_ID, BRAND_B)


def test_a_length_that_moves_the_app_id_into_the_message_is_noticed() -> None:
    padded = envelope(b"a", BRAND_A.encode(), length=0) + b"\x19" * 25

    assert problem_of(encrypt_raw(padded)) == (Problem.RECEIVE_ID, "")


def test_a_message_of_another_key_is_not_decrypted() -> None:
    encrypt = encrypt_message(decode_aes_key("b" * 43), PLAINTEXT, BRAND_A, b"r" * 16)

    assert problem_of(encrypt) == (Problem.PADDING, "")


printable = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), max_size=40)
base64_text = st.text(string.ascii_letters + string.digits + "+/", min_size=1).map(
    lambda text: text[: len(text) // 4 * 4]
)


@given(st.text() | base64_text | st.binary(max_size=99).map(lambda b: base64.b64encode(b).decode()))
def test_any_text_is_decrypted_or_undecryptable(encrypt: str) -> None:
    with pytest.raises(UndecryptableMessage):
        decrypt_message(KEY, encrypt, BRAND_A)


@given(st.binary(max_size=96), st.integers(1, 32))
def test_any_bytes_of_a_forger_with_the_key_are_undecryptable(text: bytes, size: int) -> None:
    padded = text[: len(text) // 16 * 16] + bytes([size]) * 32
    with pytest.raises(UndecryptableMessage):
        decrypt_message(KEY, encrypt_raw(padded), BRAND_A)


@given(printable, printable, printable, printable.filter(bool))
def test_message_signatures_agree_with_an_independent_signer(
    timestamp: str, nonce: str, encrypt: str, token: str
) -> None:
    expected = signer.signature(token, timestamp, nonce, encrypt)
    signature = bytes.fromhex(expected)

    assert verify_signature(token, [timestamp, nonce, encrypt], signature)
    assert not verify_signature(token, [timestamp, nonce, encrypt + "x"], signature)


def test_a_message_signed_with_an_empty_token_is_refused() -> None:
    parts = ["1714112445", "415670741", "QUJD"]

    assert not verify_signature("", parts, compute_signature("", *parts))


def read_push(body: bytes, signature: bytes) -> bytes:
    """Do what the gateway does with an encrypted push of Brand A's."""
    encrypt = parse_message(body).encrypt
    if not verify_signature(TOKEN, ["1714112445", "415670741", encrypt], signature):
        raise MalformedMessage
    return decrypt_message(KEY, encrypt, BRAND_A)


PUSH = encrypted_push(KEY, PLAINTEXT, BRAND_A, "gh_97417a04a28d")
SIGNATURE = compute_signature(TOKEN, "1714112445", "415670741", parse_message(PUSH).encrypt)


def test_an_encrypted_push_is_read() -> None:
    assert parse_message(PUSH).to_user == "gh_97417a04a28d"
    assert parse_message(PUSH).msg_type == ""
    assert read_push(PUSH, SIGNATURE) == PLAINTEXT


@given(st.integers(0, len(PUSH) * 8 - 1))
def test_a_flipped_bit_never_makes_another_message(bit: int) -> None:
    flipped = bytearray(PUSH)
    flipped[bit // 8] ^= 1 << bit % 8
    with suppress(MalformedMessage, UndecryptableMessage):
        assert read_push(bytes(flipped), SIGNATURE) == PLAINTEXT


@given(st.integers(0, 20 * 8 - 1))
def test_a_flipped_bit_of_the_signature_is_noticed(bit: int) -> None:
    wrong = (int.from_bytes(SIGNATURE, "big") ^ 1 << bit).to_bytes(20, "big")
    with pytest.raises(MalformedMessage):
        read_push(PUSH, wrong)


def test_an_encrypted_reply_has_a_signature_of_its_own() -> None:
    body = encrypted_reply(KEY, TOKEN, PLAINTEXT, BRAND_A, "1714112446", "a]]>b&c")
    encrypt = parse_message(body).encrypt
    signature = signer.signature(TOKEN, "1714112446", "a]]>b&c", encrypt)

    assert decrypt_message(KEY, encrypt, BRAND_A) == PLAINTEXT
    assert f"<MsgSignature><![CDATA[{signature}]]></MsgSignature>".encode() in body
    assert b"<TimeStamp>1714112446</TimeStamp>" in body
    assert b"<Nonce><![CDATA[a]]]]><![CDATA[>b&c]]></Nonce>" in body


def test_an_encrypted_reply_in_json_has_the_same_members() -> None:
    body = encrypted_reply(KEY, TOKEN, PLAINTEXT, BRAND_A, "1714112446", '"{', is_json=True)
    envelope = json.loads(body)
    signature = signer.signature(TOKEN, "1714112446", '"{', envelope["Encrypt"])

    assert decrypt_message(KEY, envelope["Encrypt"], BRAND_A) == PLAINTEXT
    assert envelope == {
        "Encrypt": envelope["Encrypt"],
        "MsgSignature": signature,
        "TimeStamp": 1714112446,
        "Nonce": '"{',
    }


def test_what_encrypts_a_reply_shows_neither_key_nor_token() -> None:
    assert repr(ReplyEncryption(KEY, BRAND_A, TOKEN)) == f"ReplyEncryption(receive_id='{BRAND_A}')"
