"""Describes the request and the response of an attempt, with names and units for people."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from verification.diagnosis import Explanation
from verification.diagnosis.remarks import MAX_POSSIBLE_SKEW, format_duration
from verification.models import VerificationAttempt
from verification.models.choices import CALLERS
from verification.models.noise import WECHAT_USER_AGENT
from verification.protocol.console import OFFICIAL_ACCOUNT, console_of
from verification.protocol.enums import Kind, Mark, Outcome, Platform, Reason, is_wecom_call
from verification.protocol.reply import REFUSALS


@dataclass(frozen=True)
class Fact:
    """Holds one line of a card."""

    name: str
    value: str = ""  #: what was sent, shown as it is
    words: str = ""  #: what it means


def state_of(attempt: VerificationAttempt, explanation: Explanation) -> str:
    """Return whether it is verified, harmless or refused, which pages show as a colour."""
    if attempt.outcome == Outcome.ACCEPTED:
        return "verified"
    return "harmless" if explanation.is_harmless else "refused"


def name_called(attempt: VerificationAttempt) -> str:
    """Return the account that was called, or the path if it is no account's."""
    if attempt.account:
        return attempt.account.name
    return _("several accounts") if attempt.reason == Reason.MIXED else attempt.path


def describe_request(attempt: VerificationAttempt) -> list[Fact]:
    facts = [
        Fact(
            _("Method and URL"),
            f"{attempt.get_method_display()} {url_of(attempt)}",
            str(attempt.get_kind_display()),
        ),
        *occurrences_of(attempt),
        Fact(_("Source IP"), attempt.client_ip or "", "" if attempt.client_ip else _("unknown")),
        Fact(_("User agent"), attempt.user_agent, agent_of(attempt)),
        Fact(_("Timestamp"), attempt.timestamp, clock_of(attempt)),
        Fact(_("Nonce"), attempt.nonce),
        Fact(_("Signature"), bytes(attempt.signature or b"").hex(), name_of_signature(attempt)),
        Fact(_("Echostr"), attempt.echostr, describe_echostr(attempt)),
        Fact(_("Marks"), "", " · ".join(marks_of(attempt))),
    ]
    return [fact for fact in facts if fact.value or fact.words]


def url_of(attempt: VerificationAttempt) -> str:
    host = f"{attempt.scheme}://{attempt.host}" if attempt.host else ""
    return f"{host}{attempt.path}"


def occurrences_of(attempt: VerificationAttempt) -> list[Fact]:
    if attempt.occurrences == 1:
        return []
    explanation = _(
        "identical requests that were combined into one row; the details are those of the first "
        "one, without a source if they came from several"
    )
    if attempt.reason == Reason.MIXED:
        explanation = _(
            "requests that were combined into one row; the details are those of the first one, "
            "without a source or an account if there were several"
        )
    return [Fact(_("Occurrences"), intcomma(attempt.occurrences), explanation)]


def agent_of(attempt: VerificationAttempt) -> str:
    if not attempt.user_agent:
        return _("none")
    caller = CALLERS[Platform.WECOM if is_wecom_call(attempt.marks) else Platform.OFFICIAL_ACCOUNT]
    is_usual = attempt.user_agent == WECHAT_USER_AGENT
    text = _("usual for {caller}") if is_usual else _("not that of {caller}")
    return text.format(caller=caller)


def name_of_signature(attempt: VerificationAttempt) -> str:
    return "msg_signature" if attempt.signature and is_wecom_call(attempt.marks) else ""


def describe_echostr(attempt: VerificationAttempt) -> str:
    length = length_of(attempt.echostr)
    if length and is_wecom_call(attempt.marks):
        return _("encrypted, {length}").format(length=length)
    return length


def clock_of(attempt: VerificationAttempt) -> str:
    skew = attempt.clock_skew
    if skew is None:
        return ""
    if skew == 0:
        return _("same as our clock")
    if abs(skew) > MAX_POSSIBLE_SKEW:
        return _("not the time of a request")
    time = format_duration(abs(skew))
    if skew > 0:
        return _("{time} behind our clock").format(time=time)
    return _("{time} ahead of our clock").format(time=time)


def length_of(text: str) -> str:
    count = len(text)
    return ngettext("{n} character", "{n} characters", count).format(n=count) if text else ""


def marks_of(attempt: VerificationAttempt) -> list[str]:
    marks = Mark(attempt.marks)
    words = {
        Mark.HTTP_1_0: "HTTP/1.0" if is_wecom_call(marks) else _("HTTP/1.0, as WeChat uses"),
        Mark.MSG_SIGNATURE: _("with msg_signature"),
        Mark.ENCRYPTED: _("with encrypt_type=aes"),
    }
    return [text for mark, text in words.items() if mark in marks]


def describe_response(attempt: VerificationAttempt) -> list[Fact]:
    milliseconds = f"{attempt.duration / 1000:,.1f} ms"
    facts = [
        Fact(
            _("Status and body"),
            f"{attempt.status} {body_of(attempt)}".strip(),
            why_no_body(attempt),
        ),
        Fact(_("Reason"), "", reason_of(attempt)),
        Fact(_("Response time"), "", milliseconds),
        Fact(_("Request id"), str(attempt.request_id)),
        Fact(_("The console shows"), "", console_shows(attempt)),
    ]
    return [fact for fact in facts if fact.value or fact.words]


def body_of(attempt: VerificationAttempt) -> str:
    if attempt.outcome == Outcome.REFUSED:
        refusal = REFUSALS.get(attempt.status)
        return refusal.body.decode() if refusal else ""
    if attempt.kind == Kind.MESSAGE_PUSH:
        return "success"
    return "" if is_wecom_call(attempt.marks) else attempt.echostr


def why_no_body(attempt: VerificationAttempt) -> str:
    is_answer = attempt.outcome == Outcome.ACCEPTED and attempt.echostr
    if is_answer and is_wecom_call(attempt.marks):
        return _("and the decrypted echostr, which is never recorded")
    return ""


def reason_of(attempt: VerificationAttempt) -> str:
    """Return the reason by its name in filters and exports, with the parameter it is about."""
    return " · ".join(filter(None, [str(attempt.get_reason_display() or ""), attempt.detail]))


def console_shows(attempt: VerificationAttempt) -> str:
    """Return what the console shows to the person who pressed Submit.

    The text is empty if nobody did: something other than WeChat called, or a push came.
    """
    if attempt.kind != Kind.URL_VERIFICATION or attempt.user_agent != WECHAT_USER_AGENT:
        return ""
    account = attempt.account
    console = console_of(account.platform, account.suite_id) if account else OFFICIAL_ACCOUNT
    if attempt.outcome == Outcome.ACCEPTED:
        return console.answers["success"] or _("that the form was saved")
    return console.answers.get("token") or console.answers["failed"]
