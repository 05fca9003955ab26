"""Sends a test message to an account, and says in words what came back."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from verification.accounts.encryption import require_encryption
from verification.accounts.reply_report import Finding, SentMessage, UnfitReply, inspect_reply
from verification.diagnosis import explain
from verification.keys import self_test_key
from verification.models import Backend, OfficialAccount, VerificationAttempt
from verification.protocol.enums import DeliveryResult
from verification.protocol.message import MalformedMessage
from verification.protocol.reply import LOOP, TRY_AGAIN
from verification.protocol.request import clean
from verification.relay.failures import advise, describe
from verification.self_test.checks import Result, check
from verification.self_test.client import Answer, Encryption, Probe
from verification.self_test.push import make_text_message, make_wecom_message, probe_push

#: Attempts among which a refused test message is looked for.
MAX_ATTEMPTS = 100


def send_test_message(
    account: OfficialAccount,
    url: str,
    token: str,
    text: str = "",
    encryption: Encryption | None = None,
    *,
    is_json: bool = False,
) -> tuple[Probe, Finding]:
    """Send the message, encrypted if there is an encryption, and return what came of it.

    Messages of WeCom are always encrypted; only those of a Mini Program can be JSON. No transaction
    may be open: on SQLite it would keep the push from being recorded. Raises ValidationError if XML
    cannot hold the text, and what require_encryption() raises.
    """
    text = text or _("This is a test message of the WeChat gateway.")
    try:
        if account.is_wecom:
            encryption = encryption or require_encryption(account)
            message = make_wecom_message(encryption, text)
        else:
            message = make_text_message(account.original_id, text, is_json=is_json)
    except MalformedMessage as error:
        sentence = _("The text has characters that a message cannot hold: use printable ones.")
        raise ValidationError(sentence) from error
    is_wecom = account.is_wecom
    probe = probe_push(url, token, self_test_key(), message, encryption, is_wecom=is_wecom)
    return probe, inspect(probe, SentMessage(account, token, encryption, is_json))


def inspect(probe: Probe, sent: SentMessage) -> Finding:
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
    if not Backend.objects.filter(account=sent.account).exists():
        return Finding(
            True,
            _("This server accepts the messages of this account."),
            _("The account has no backend, so nobody gets a reply: set one."),
            reply="success",
        )
    try:
        return inspect_reply(answer.body, sent)
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
