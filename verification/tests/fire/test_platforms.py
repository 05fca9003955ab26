"""Compares the calls of WeCom and Mini Programs with what wechatpy makes and reads.

Each call goes through the parser and the judge, and gets the reply that the server would send.
"""

from __future__ import annotations

import json
import random
import string
from collections.abc import Iterator
from typing import Any, NamedTuple
from urllib.parse import urlencode
from xml.sax.saxutils import escape

from wechatpy.crypto import WeChatCrypto
from wechatpy.enterprise.crypto import WeChatCrypto as WeComCrypto
from wechatpy.exceptions import WeChatException

from verification.callbacks.store import AccountTokenRow
from verification.callbacks.verdicts import Accounts, judge
from verification.fields import Secret
from verification.protocol.encryption import decode_aes_key, encrypt_message, encrypted_push
from verification.protocol.enums import Outcome, Platform
from verification.protocol.message import parse_message
from verification.protocol.reply import Verdict, reply_to
from verification.protocol.signature import compute_signature
from verification.tests.fire.conftest import RecordFigure
from verification.tests.fire.support.run_length import short_or_long
from verification.tests.support.callback_factory import make_callback
from verification.tests.support.signer import signature

CALLS = short_or_long(200, 10_000)
ALPHANUMERIC = string.ascii_letters + string.digits
#: Of one to four bytes in UTF-8, and those that mean something in XML and JSON.
LETTERS = "aZ0 \n<>&]\\\"'éß你好，？😀"


class Company(NamedTuple):
    """Holds a random account, and what is sent to it."""

    platform: Platform
    token: str
    aes_key: str  #: as the console shows it
    receive_id: str
    content: str
    echostr: str
    is_json: bool
    timestamp: str
    nonce: str

    @property
    def crypto(self) -> Any:
        kind = WeComCrypto if self.platform is Platform.WECOM else WeChatCrypto
        return kind(self.token, self.aes_key, self.receive_id)

    @property
    def message(self) -> str:
        if self.is_json:
            return json.dumps({"MsgType": "text", "Content": self.content}, ensure_ascii=False)
        return f"<xml><MsgType>text</MsgType><Content>{escape(self.content)}</Content></xml>"

    def sign(self, encrypt: str) -> dict[str, str]:
        """Return the parameters of a call that sends this encrypted text."""
        timestamp, nonce = self.timestamp, self.nonce
        parameters = {
            "msg_signature": signature(self.token, timestamp, nonce, encrypt),
            "timestamp": timestamp,
            "nonce": nonce,
        }
        if self.platform is Platform.MINI_PROGRAM:
            parameters |= {
                "signature": signature(self.token, timestamp, nonce),
                "encrypt_type": "aes",
            }
        return parameters

    def judge(self, parameters: dict[str, str], body: bytes | None = None) -> tuple[Verdict, bytes]:
        """Return the server's verdict on a call, and the body of its reply."""
        row = AccountTokenRow(
            account_id=1,
            slug="brand-a",
            is_paused=False,
            answers_at_root=False,
            platform=self.platform.value,
            token_id=1,
            ciphertext=Secret.of(self.token).ciphertext,
            is_unused=False,
            receive_ids=self.receive_id,
            aes_keys=f"1:0:0:{Secret.of(self.aes_key).ciphertext}",
            backend_url="https://crm.example.cn/",
            on_failure="resend",
        )
        rest: dict[str, Any] = {} if body is None else {"method": "POST", "body": body}
        callback = make_callback(urlencode(parameters), **rest)
        verdict = judge(callback, Accounts([row]).candidates_for(callback))
        return verdict, reply_to(callback, verdict).body


def random_companies(count: int) -> Iterator[Company]:
    generator = random.Random(20_261_129)

    def text(alphabet: str, length: int) -> str:
        return "".join(generator.choices(alphabet, k=length))

    for number in range(count):
        platform = Platform.WECOM if number % 2 else Platform.MINI_PROGRAM
        prefix = "wx" if platform is Platform.MINI_PROGRAM else generator.choice(["ww", "wx", "tj"])
        yield Company(
            platform=platform,
            token=text(ALPHANUMERIC, generator.randint(3, 32)),
            aes_key=text(ALPHANUMERIC, 43),
            receive_id=prefix + text("0123456789abcdef", 16),
            content=text(LETTERS, generator.choice([0, 1, generator.randint(2, 99), 2048])),
            echostr=text(string.digits, generator.choice([1, 19, generator.randint(2, 99)])),
            is_json=platform is Platform.MINI_PROGRAM and generator.random() < 0.5,
            timestamp=text(string.digits, 10),
            nonce=text(string.digits, generator.randint(1, 20)),
        )


def verification_of_wechatpy_is_answered(company: Company) -> bool:
    """Let wechatpy encrypt an echostr, which WeCom does and a Mini Program does not."""
    if company.platform is Platform.MINI_PROGRAM:
        parameters = company.sign("") | {"echostr": company.echostr}
        del parameters["msg_signature"], parameters["encrypt_type"]
    else:
        envelope = company.crypto.encrypt_message(company.echostr, company.nonce, company.timestamp)
        encrypt = parse_message(envelope.encode()).encrypt
        parameters = company.sign(encrypt) | {"echostr": encrypt}
    verdict, reply = company.judge(parameters)
    return verdict.outcome is Outcome.ACCEPTED and reply == company.echostr.encode()


def wechatpy_answers_our_verification(company: Company) -> bool:
    if company.platform is Platform.MINI_PROGRAM:
        return True
    encrypt = encrypt_message(
        decode_aes_key(company.aes_key), company.echostr.encode(), company.receive_id
    )
    made = compute_signature(company.token, company.timestamp, company.nonce, encrypt).hex()
    answer = company.crypto.check_signature(made, company.timestamp, company.nonce, encrypt)
    return str(answer) == company.echostr


def message_of_wechatpy_is_read(company: Company) -> bool:
    envelope = company.crypto.encrypt_message(company.message, company.nonce, company.timestamp)
    encrypt = parse_message(envelope.encode()).encrypt
    body = json.dumps({"Encrypt": encrypt}) if company.is_json else envelope
    verdict, reply = company.judge(company.sign(encrypt), body.encode())
    return (
        verdict.push is not None
        and verdict.push.plaintext == company.message.encode()
        and reply == b"success"
    )


def wechatpy_reads_our_message(company: Company) -> bool:
    push = encrypted_push(
        decode_aes_key(company.aes_key), company.message.encode(), company.receive_id, "gh_1"
    )
    encrypt = parse_message(push).encrypt
    made = compute_signature(company.token, company.timestamp, company.nonce, encrypt).hex()
    body = {"Encrypt": encrypt} if company.is_json else push.decode()
    read = company.crypto.decrypt_message(body, made, company.timestamp, company.nonce)
    return bool(read == company.message)


def both_refuse(company: Company) -> bool:
    """Change one character of the signature, or the company that a message is for."""
    encrypt = encrypt_message(
        decode_aes_key(company.aes_key), company.message.encode(), f"{company.receive_id[:-1]}g"
    )
    body = f"<xml><Encrypt>{encrypt}</Encrypt></xml>"
    signed = company.sign(encrypt)
    first = "1" if signed["msg_signature"].startswith("0") else "0"
    forged = signed | {"msg_signature": first + signed["msg_signature"][1:]}
    return all(
        not wechatpy_reads(company, body, parameters["msg_signature"])
        and company.judge(parameters, body.encode())[1] == b"bad token"
        for parameters in (signed, forged)
    )


def wechatpy_reads(company: Company, body: str, msg_signature: str) -> bool:
    try:
        company.crypto.decrypt_message(body, msg_signature, company.timestamp, company.nonce)
    except WeChatException:
        return False
    return True


def test_calls_of_wecom_and_mini_programs_agree_with_wechatpy(figure: RecordFigure) -> None:
    agreed = sum(
        verification_of_wechatpy_is_answered(company)
        and wechatpy_answers_our_verification(company)
        and message_of_wechatpy_is_read(company)
        and wechatpy_reads_our_message(company)
        and both_refuse(company)
        for company in random_companies(CALLS)
    )
    figure(
        "WeCom's and Mini Programs' calls are made and read by wechatpy and by us alike",
        target=f"{CALLS:,} random accounts both ways, no difference",
        measured=f"{CALLS:,} accounts, {CALLS - agreed:,} differences",
        is_met=agreed == CALLS,
    )

    assert agreed == CALLS
