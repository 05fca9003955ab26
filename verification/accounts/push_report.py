"""Sends a test message to an account, and says in words what came back."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from defusedxml.ElementTree import fromstring
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from verification.diagnosis import explain
from verification.keys import self_test_key
from verification.models import Backend, OfficialAccount, VerificationAttempt
from verification.protocol.encryption import (
    UndecryptableMessage,
    decrypt_message,
)
from verification.protocol.enums import DeliveryResult
from verification.protocol.message import MalformedMessage, parse_message
from verification.protocol.reply import LOOP, TRY_AGAIN
from verification.protocol.request import clean
from verification.protocol.signature import compute_signature
from verification.relay.failures import advise, describe
from verification.self_test.checks import Result, check
from verification.self_test.client import Answer, Encryption, Probe
from verification.self_test.push import SENDER, make_text_message, probe_push

#: Attempts among which a refused test message is looked for.
MAX_ATTEMPTS = 100


class Finding(NamedTuple):
    """What came of a test message, in words."""

    is_ok: bool
    sentence: str  #: what happened
    advice: str = ""  #: what to do; empty if there is nothing to do
    result: DeliveryResult | None = None  #: why the backend did not take it, or its reply is no use
    reply: str = ""  #: success, empty, json or the MsgType of a passive reply
    #: The text of the reply. Show it to the person who sent the message; never log it.
    reply_text: str = ""

    def __repr__(self) -> str:
        return f"Finding(is_ok={self.is_ok}, reply={self.reply!r})"


class UnfitReply(Exception):
    """The backend's reply would not reach a follower, although this server passes it on."""

    def __init__(self, sentence: str, advice: str) -> None:
        super().__init__("The reply would not reach a follower.")
        self.finding = Finding(False, sentence, advice)


def send_test_message(
    account: OfficialAccount,
    url: str,
    token: str,
    text: str = "",
    encryption: Encryption | None = None,
) -> tuple[Probe, Finding]:
    """Send the message, encrypted if there is an encryption, and return what came of it.

    No transaction may be open: on SQLite it would keep the push from being recorded. Raises
    ValidationError if XML cannot hold the text.
    """
    try:
        message = make_text_message(
            account.original_id, text or _("This is a test message of the WeChat gateway.")
        )
    except MalformedMessage as error:
        sentence = _("The text has characters that a message cannot hold: use printable ones.")
        raise ValidationError(sentence) from error
    probe = probe_push(url, token, self_test_key(), message, encryption)
    return probe, inspect(account, probe, token, encryption)


def inspect(
    account: OfficialAccount, probe: Probe, token: str, encryption: Encryption | None
) -> Finding:
    answer = probe.answer
    if answer is None or probe.error is not None:
        failed = [found.sentence for found in check(probe) if found.result is Result.FAILED]
        return Finding(False, " ".join(failed))
    if (failure := parse_failure(answer)) is not None:
        result, status = failure
        return Finding(False, describe(result, status), advise(result, status), result)
    if (answer.status, answer.body) == (TRY_AGAIN.status, TRY_AGAIN.body):
        return Finding(
            False,
            _("That server could not record the message, so it did not forward it."),
            _("See the attempt_unrecorded lines in its log."),
        )
    if answer.status in {400, 403}:
        sentence = _("The message was refused with status {status}.").format(status=answer.status)
        return Finding(False, sentence, explain_refusal(probe))
    if answer.status != 200:
        sentence = _("It answers {status}, not 200, and says “{body}”.").format(
            status=answer.status, body=clean(answer.body.strip(), 60)
        )
        return Finding(False, sentence)
    if not Backend.objects.filter(account=account).exists():
        return Finding(
            True,
            _("This server accepts the messages of this account."),
            _("The account has no backend, so followers get no reply: set one."),
            reply="success",
        )
    try:
        return inspect_reply(answer.body, token, encryption)
    except UnfitReply as error:
        return error.finding


def parse_failure(answer: Answer) -> tuple[DeliveryResult, int | None] | None:
    """Return the failure that this server's answer to a test message names, or None."""
    if (answer.status, answer.body) == (LOOP.status, LOOP.body):
        return DeliveryResult.LOOP, None
    name, _blank, status = answer.body[:40].decode(errors="replace").partition(" ")
    if answer.status != 502 or name.upper() not in DeliveryResult.__members__:
        return None
    is_status = status.isascii() and status.isdigit() and len(status) == 3
    return DeliveryResult[name.upper()], int(status) if is_status else None


def explain_refusal(probe: Probe) -> str:
    """Return the explanation of the attempt if it is among the last ones in this database."""
    last = VerificationAttempt.objects.select_related("account").order_by("-id")[:MAX_ATTEMPTS]
    attempt = next((attempt for attempt in last if attempt.nonce == probe.nonce), None)
    if attempt is None:
        return _("Run `manage.py explain_attempt` on that server: it is not recorded here.")
    sentence = _("Attempt {attempt}: {explanation}")
    return sentence.format(attempt=attempt.pk, explanation=explain(attempt).full_text)


# --- The reply of the backend


def inspect_reply(body: bytes, token: str, encryption: Encryption | None) -> Finding:
    """Return what the follower would get of an answer 200. Raises UnfitReply."""
    text = body.strip()
    if text in {b"", b"success"}:
        sentence = _("The backend took the message and sends no reply to the follower.")
        return Finding(True, sentence, reply="success" if text else "empty")
    result = DeliveryResult.UNUSABLE_REPLY
    try:
        if parse_message(text).encrypt:
            text = decrypt_reply(text, token, encryption)
        elif encryption:
            raise UnfitReply(
                _("The backend replied with a plain message to an encrypted one."),
                _(
                    "Let the backend encrypt its reply: in the security mode (安全模式), WeChat "
                    "does not accept a plain one."
                ),
            )
        reply = parse_message(text)
    except MalformedMessage:
        return Finding(False, describe(result), advise(result), result)
    if reply.to_user and reply.to_user != SENDER:
        raise UnfitReply(
            _("The reply of the backend is not for the follower who wrote."),
            _(
                "Let the backend put the message's FromUserName into the reply's ToUserName, and "
                "the other way round."
            ),
        )
    kind = reply.msg_type or "json"
    sentence = _("The backend took the message and replied to the follower ({kind}).")
    return Finding(
        True,
        sentence.format(kind=_("text") if kind == "text" else kind),
        reply=kind,
        reply_text=str(read_values(text).get("Content", "")) if kind == "text" else "",
    )


def decrypt_reply(body: bytes, token: str, encryption: Encryption | None) -> bytes:
    """Return the message in an encrypted reply. Raises UnfitReply."""
    if encryption is None:
        raise UnfitReply(
            _("The backend replied with an encrypted message to a plain one."),
            _("Let the backend encrypt its reply only if the message was encrypted."),
        )
    values = read_values(body)
    encrypt, timestamp, nonce = (
        str(values.get(name, "")) for name in ("Encrypt", "TimeStamp", "Nonce")
    )
    expected = compute_signature(token, timestamp, nonce, encrypt)
    if values.get("MsgSignature") != expected.hex():
        raise UnfitReply(
            _("The signature of the backend's reply is wrong, so WeChat would not accept it."),
            _("Give the backend the token that this account has here and in WeChat's console."),
        )
    try:
        return decrypt_message(encryption.key, encrypt, encryption.app_id)
    except UndecryptableMessage as error:
        raise UnfitReply(
            _("The reply of the backend cannot be decrypted."),
            _(
                "Give the backend the EncodingAESKey and the AppID that this account has here and "
                "in WeChat's console."
            ),
        ) from error


def read_values(body: bytes) -> dict[str, Any]:
    """Return the members of a message that parse_message() has accepted."""
    if body.lstrip().startswith(b"{"):
        return dict(json.loads(body))
    return {child.tag: (child.text or "").strip() for child in fromstring(body)}
