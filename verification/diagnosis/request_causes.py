"""Causes that the request itself shows."""

from __future__ import annotations

from django.utils.translation import gettext as _

from verification.diagnosis.evidence import Evidence, Explanation
from verification.protocol.enums import Kind, Mark, Outcome, Reason
from verification.protocol.signature import is_signed_with_empty_token


def unlike_requests(evidence: Evidence) -> Explanation | None:
    if not evidence.is_refused_for(Reason.MIXED):
        return None
    count = evidence.attempt.occurrences
    return Explanation(
        _("unlike requests of a flood"),
        _(
            "This row stands for {count} requests of a flood, refused for several reasons. The "
            "details are those of the first one."
        ).format(count=f"{count:,}"),
        _(
            "The rows just before the flood show what it consists of, and docs/RUNBOOK.md says "
            "under “Flood” what to do. If you pressed Submit in WeChat's console at this time and "
            "it failed, press it again: an accepted request always has a row of its own."
        ),
    )


def method_not_allowed(evidence: Evidence) -> Explanation | None:
    if not evidence.is_refused_for(Reason.METHOD_NOT_ALLOWED):
        return None
    return Explanation(
        _("method that WeChat does not use"),
        _("Somebody called this address with {method}; WeChat only uses GET and POST.").format(
            method=evidence.attempt.get_method_display()
        ),
        _("Nothing to do: probably a scanner or a monitor."),
        is_harmless=True,
    )


def call_of_wecom(evidence: Evidence) -> Explanation | None:
    is_wecom = Mark.MSG_SIGNATURE in Mark(evidence.attempt.marks) and not evidence.attempt.signature
    if not is_wecom or not evidence.is_refused_for(Reason.MISSING_PARAMETER):
        return None
    return Explanation(
        _("WeCom request"),
        _("This is a WeCom check (msg_signature), but the address is for an official account."),
        _("Remove this URL from the WeCom console; WeCom is not supported yet."),
    )


def signed_with_empty_token(evidence: Evidence) -> Explanation | None:
    """Recognize a test for servers without a token, which accept the hash of the other parts."""
    attempt = evidence.attempt
    if attempt.outcome == Outcome.ACCEPTED or not evidence.signature:
        return None
    if not is_signed_with_empty_token(attempt.timestamp, attempt.nonce, evidence.signature):
        return None
    return Explanation(
        _("signed with an empty token"),
        _("Someone signed this with an empty token; it was refused."),
        _("Nothing to do."),
        is_harmless=True,
    )


def parameters_missing(evidence: Evidence) -> Explanation | None:
    if not evidence.is_refused_for(Reason.MISSING_PARAMETER):
        return None
    attempt = evidence.attempt
    sent = {
        "signature": attempt.signature,
        "timestamp": attempt.timestamp,
        "nonce": attempt.nonce,
        "echostr": attempt.echostr or attempt.kind == Kind.MESSAGE_PUSH,
    }
    names = [name for name, value in sent.items() if not value]
    return Explanation(
        _("parameters missing"),
        _(
            "Someone opened this address without {names}: a browser, a monitor or a bot, "
            "probably not WeChat."
        ).format(names=", ".join(names) or attempt.detail),
        _("Nothing to do."),
        is_harmless=True,
    )


def parameter_repeated(evidence: Evidence) -> Explanation | None:
    if not evidence.is_refused_for(Reason.REPEATED_PARAMETER):
        return None
    return Explanation(
        _("parameter repeated"),
        _("The parameter {name} was repeated; WeChat sends each one once.").format(
            name=evidence.attempt.detail
        ),
        _("Nothing to do, unless a proxy in front of this server changes the query string."),
    )


def query_too_long(evidence: Evidence) -> Explanation | None:
    if (
        not evidence.is_refused_for(Reason.MALFORMED_PARAMETER)
        or evidence.attempt.detail != "query"
    ):
        return None
    return Explanation(
        _("query string too long"),
        _("The query string was far longer than WeChat's, and was not read."),
        _("Nothing to do: probably a scanner or a monitor."),
        is_harmless=True,
    )


def parameter_malformed(evidence: Evidence) -> Explanation | None:
    if not evidence.is_refused_for(Reason.MALFORMED_PARAMETER):
        return None
    name = evidence.attempt.detail
    return Explanation(
        _("parameter malformed"),
        _("The parameter {name} was not as WeChat sends it: {shape}.").format(
            name=name, shape=describe_format(name)
        ),
        _("Nothing to do, unless a proxy in front of this server changes the query string."),
    )


def describe_format(parameter: str) -> str:
    """Return what WeChat sends as the parameter."""
    if parameter == "signature":
        return _("40 digits and letters from a to f")
    if parameter == "timestamp":
        return _("digits, the seconds since 1970")
    if parameter == "nonce":
        return _("digits, or other visible ASCII characters")
    return _("letters, digits and _ + / = . ~ -, at most 256 of them")
