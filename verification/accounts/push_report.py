"""Sends a test message to an account, and says in words what came back."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext as _

from verification.accounts.encryption import explain_unfit_key, require_encryption
from verification.accounts.reply_report import (
    Finding,
    SentMessage,
    UnfitReply,
    advise_on_change,
    describe_suite_error,
    inspect_reply,
    inspect_suite_answer,
    require_success,
)
from verification.diagnosis import explain
from verification.diagnosis.names import join_sentences
from verification.keys import self_test_key
from verification.models import (
    AESKey,
    Backend,
    ChainHead,
    OfficialAccount,
    VerificationAttempt,
)
from verification.protocol.enums import DeliveryResult, Mark, Outcome
from verification.protocol.message import MalformedMessage
from verification.protocol.reply import LOOP, TRY_AGAIN
from verification.relay.failures import advise, describe
from verification.self_test.checks import (
    Result,
    check,
    check_length,
    check_redirect,
    describe_status,
)
from verification.self_test.client import Answer, Encryption, Probe
from verification.self_test.push import (
    make_suite_event,
    make_text_message,
    make_wecom_message,
    probe_push,
)

#: Attempts among which a test message is looked for.
MAX_ATTEMPTS = 10_000


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

    Messages of WeCom are always encrypted; only those of a Mini Program can be JSON. A third-party
    app gets an event, without the text. No transaction may be open: on SQLite it would keep the
    push from being recorded. Raises ValidationError if XML cannot hold the text, and what
    require_encryption() raises.
    """
    text = text or _("This is a test message of the WeChat gateway.")
    try:
        if account.is_wecom:
            encryption = encryption or require_encryption(account)
            message = (
                make_suite_event(encryption)
                if encryption.suite_id
                else make_wecom_message(encryption, text)
            )
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
        if result is DeliveryResult.UNUSABLE_REPLY and sent.account.suite_id:
            return Finding(False, *describe_suite_error(), result)
        backend = Backend.objects.filter(account=sent.account).first()
        return Finding(False, describe(result, status), advise(result, status, backend), result)
    if (answer.status, answer.body) == (TRY_AGAIN.status, TRY_AGAIN.body):
        return Finding(
            False,
            _("That server could not record the message, so it did not forward it."),
            _("See the attempt_unrecorded lines in its log."),
        )
    if answer.status in {400, 403}:
        sentence = _("The message was refused with status {status}.").format(status=answer.status)
        return Finding(False, sentence, explain_refusal(probe))
    result_of_check, sentence = check_redirect(probe)
    if result_of_check is Result.FAILED:
        advice = _(
            "Let the server URL name the address that answers itself: check https://, the host and "
            "the slash at the end."
        )
        return Finding(False, sentence, advice)
    if answer.status != 200:
        return Finding(False, describe_status(answer))
    attempt = find_attempt(probe)
    is_recorded = attempt is not None and attempt.outcome == Outcome.ACCEPTED
    result_of_check, sentence = check_length(probe)
    if result_of_check is Result.FAILED:
        return Finding(False, sentence, advise_on_change(is_recorded=is_recorded))
    try:
        require_parameters(attempt, sent)
        return inspect_answer(answer.body, sent, is_recorded=is_recorded)
    except UnfitReply as error:
        return error.finding


def require_parameters(attempt: VerificationAttempt | None, sent: SentMessage) -> None:
    """Raise UnfitReply if an encrypted message arrived without the parameters that belong to it."""
    if attempt and sent.encryption and not attempt.marks & Mark.MSG_SIGNATURE:
        raise UnfitReply(
            _(
                "The message arrived, but encrypt_type and msg_signature did not: something in "
                "front of this server has cut the query string."
            ),
            _(
                "Let the proxy pass on everything after the “?”: {caller}'s messages need it."
            ).format(caller=sent.account.caller),
        )


def inspect_answer(body: bytes, sent: SentMessage, *, is_recorded: bool) -> Finding:
    """Return what came of an answer 200; the message is on record here as accepted, or not.

    Raises UnfitReply.
    """
    account = sent.account
    if not Backend.objects.filter(account=account).exists():
        require_success(body, is_recorded=is_recorded)
        finding = describe_no_backend(account)
    elif account.suite_id:
        finding = inspect_suite_answer(body, is_recorded=is_recorded)
    else:
        finding = inspect_reply(body, sent, is_recorded=is_recorded)
    if finding.is_ok and is_recorded and sent.encryption is None and refuses_plain(account):
        raise UnfitReply(
            _(
                "This plain test message was accepted, but {caller}'s own plain messages are "
                "refused: an EncodingAESKey of the account has decrypted messages."
            ).format(caller=account.caller),
            _(
                "Encrypt the test message as well (send_push --encrypted). If {caller}'s console "
                "no longer encrypts, retire the key."
            ).format(caller=account.caller),
        )
    if finding.is_ok and sent.encryption is not None and (unfit := explain_unfit_key(account)):
        sentence, advice = unfit
        return finding._replace(
            is_ok=False,
            sentence=join_sentences(finding.sentence, sentence),
            advice=join_sentences(advice, finding.advice),
        )
    return finding


def describe_no_backend(account: OfficialAccount) -> Finding:
    if account.suite_id:
        sentence = _("This server accepts the events of this account.")
        advice = _("The account has no backend, so each suite_ticket is lost: set one.")
    else:
        sentence = _("This server accepts the messages of this account.")
        advice = _("The account has no backend, so nobody gets a reply: set one.")
    return Finding(True, sentence, advice, reply="success")


def refuses_plain(account: OfficialAccount) -> bool:
    """Return whether plain messages are refused: the account has a key, and has used one."""
    keys = AESKey.objects.filter(account=account)
    return (
        keys.live_at(timezone.now()).exists() and keys.filter(first_used_at__isnull=False).exists()
    )


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
    attempt = find_attempt(probe)
    if attempt is None:
        return _(
            "No attempt here has its nonce: a proxy may have changed the query string, or answered "
            "itself. Run `manage.py explain_attempt` here and, if it was another server, there."
        )
    sentence = _("Attempt {attempt}: {explanation}")
    return sentence.format(attempt=attempt.pk, explanation=explain(attempt).full_text)


def find_attempt(probe: Probe) -> VerificationAttempt | None:
    """Return the attempt if it is among the last ones in this database."""
    last_id = ChainHead.objects.values_list("last_attempt_id", flat=True).first() or 0
    last = VerificationAttempt.objects.filter(id__gt=last_id - MAX_ATTEMPTS)
    return last.filter(nonce=probe.nonce).select_related("account").order_by("-id").first()
