"""What came in and what was answered, as people say it."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.humanize.templatetags.humanize import intcomma
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from verification.diagnosis.remarks import format_duration
from verification.models import VerificationAttempt
from verification.models.noise import WECHAT_USER_AGENT
from verification.protocol.console import ANSWERS
from verification.protocol.enums import Kind, Mark, Outcome
from verification.protocol.reply import REFUSALS


@dataclass(frozen=True)
class Fact:
    """One line of a card: what came in goes into `value`, and is shown as it is."""

    name: str
    value: str = ""
    words: str = ""


def path_of(attempt: VerificationAttempt) -> str:
    slug = attempt.path_slug
    return f"/wechat/{'' if slug == '/' else slug}" if slug else "/"


def describe_request(attempt: VerificationAttempt) -> list[Fact]:
    facts = [
        Fact(_("Request"), f"{attempt.get_method_display()} {url_of(attempt)}", kind_of(attempt)),
        *occurrences_of(attempt),
        Fact(_("Source IP"), attempt.client_ip or "", "" if attempt.client_ip else _("unknown")),
        Fact(_("User agent"), attempt.user_agent, agent_of(attempt)),
        Fact(_("Timestamp"), attempt.timestamp, clock_of(attempt)),
        Fact(_("Nonce"), attempt.nonce),
        Fact(_("Signature"), bytes(attempt.signature or b"").hex()),
        Fact(_("Echostr"), attempt.echostr, length_of(attempt.echostr)),
        Fact(_("Marks"), "", " · ".join(marks_of(attempt))),
    ]
    return [fact for fact in facts if fact.value or fact.words]


def url_of(attempt: VerificationAttempt) -> str:
    host = f"{attempt.scheme}://{attempt.host}" if attempt.host else ""
    return f"{host}{path_of(attempt)}"


def kind_of(attempt: VerificationAttempt) -> str:
    return str(attempt.get_kind_display())


def occurrences_of(attempt: VerificationAttempt) -> list[Fact]:
    if attempt.occurrences == 1:
        return []
    several = _(
        "equal requests of a flood, which came together; this is the first of them, without a "
        "source where they had several"
    )
    return [Fact(_("Occurrences"), intcomma(attempt.occurrences), several)]


def agent_of(attempt: VerificationAttempt) -> str:
    if not attempt.user_agent:
        return _("none")
    return _("usual for WeChat") if attempt.user_agent == WECHAT_USER_AGENT else _("not WeChat's")


def clock_of(attempt: VerificationAttempt) -> str:
    skew = attempt.clock_skew
    if skew is None:
        return ""
    if skew == 0:
        return _("same as our clock")
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
        Mark.HTTP_1_0: _("HTTP/1.0, as WeChat speaks"),
        Mark.MSG_SIGNATURE: _("with msg_signature"),
        Mark.ENCRYPTED: _("with encrypt_type=aes"),
    }
    return [text for mark, text in words.items() if mark in marks]


def describe_response(attempt: VerificationAttempt) -> list[Fact]:
    milliseconds = f"{attempt.duration / 1000:,.1f} ms"
    facts = [
        Fact(_("Answer"), f"{attempt.status} {body_of(attempt)}"),
        Fact(_("Reason"), "", reason_of(attempt)),
        Fact(_("Answered in"), "", milliseconds),
        Fact(_("Request id"), str(attempt.request_id)),
        Fact(_("The console shows"), "", console_shows(attempt)),
    ]
    return [fact for fact in facts if fact.value or fact.words]


def body_of(attempt: VerificationAttempt) -> str:
    if attempt.outcome == Outcome.REFUSED:
        refusal = REFUSALS.get(attempt.status)
        return refusal.body.decode() if refusal else ""
    return "success" if attempt.kind == Kind.MESSAGE_PUSH else attempt.echostr


def reason_of(attempt: VerificationAttempt) -> str:
    """As filters and exports have it, with the parameter that it is about."""
    return " · ".join(filter(None, [str(attempt.get_reason_display() or ""), attempt.detail]))


def console_shows(attempt: VerificationAttempt) -> str:
    """To whom pressed Submit there: nobody did where something else called, or a push came."""
    if attempt.kind != Kind.URL_VERIFICATION or attempt.user_agent != WECHAT_USER_AGENT:
        return ""
    return ANSWERS["success" if attempt.outcome == Outcome.ACCEPTED else "token"]
