"""Causes that show in the request itself."""

from __future__ import annotations

from django.utils.translation import gettext as _

from verification.diagnosis.case import Case, Explanation
from verification.protocol.enums import Kind, Mark, Outcome, Reason
from verification.protocol.signature import is_signed_with_empty_token


def method_not_allowed(case: Case) -> Explanation | None:
    if not case.is_refused_for(Reason.METHOD_NOT_ALLOWED):
        return None
    return Explanation(
        _("not a method of WeChat's"),
        _("Somebody called this address with {method}; WeChat only uses GET and POST.").format(
            method=case.attempt.get_method_display()
        ),
        _("Nothing to do: probably a scanner or a monitor."),
        is_harmless=True,
    )


def call_of_wecom(case: Case) -> Explanation | None:
    is_wecom = Mark.MSG_SIGNATURE in Mark(case.attempt.marks) and not case.attempt.signature
    if not is_wecom or not case.is_refused_for(Reason.MISSING_PARAMETER):
        return None
    return Explanation(
        _("call of WeCom"),
        _("This is a WeCom check (msg_signature), but the address is for an official account."),
        _("Remove this URL from the WeCom console; WeCom is not supported yet."),
    )


def probe_with_empty_token(case: Case) -> Explanation | None:
    """Servers that have no token set take the hash of the rest, or of nothing, for a signature."""
    attempt = case.attempt
    if attempt.outcome == Outcome.ACCEPTED or not case.signature:
        return None
    if not is_signed_with_empty_token(attempt.timestamp, attempt.nonce, case.signature):
        return None
    return Explanation(
        _("probe with an empty token"),
        _("Someone tried to pass with an empty token; it was refused."),
        _("Nothing to do."),
        is_harmless=True,
    )


def parameters_missing(case: Case) -> Explanation | None:
    if not case.is_refused_for(Reason.MISSING_PARAMETER):
        return None
    attempt = case.attempt
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


def parameter_repeated(case: Case) -> Explanation | None:
    if not case.is_refused_for(Reason.REPEATED_PARAMETER):
        return None
    return Explanation(
        _("parameter repeated"),
        _("The parameter {name} was repeated; WeChat sends each one once.").format(
            name=case.attempt.detail
        ),
        _("Nothing to do, unless a proxy in front of this server changes the query string."),
    )


def query_too_long(case: Case) -> Explanation | None:
    if not case.is_refused_for(Reason.MALFORMED_PARAMETER) or case.attempt.detail != "query":
        return None
    return Explanation(
        _("query string too long"),
        _("The query string was far longer than WeChat's, and was not read."),
        _("Nothing to do: probably a scanner or a monitor."),
        is_harmless=True,
    )


def parameter_malformed(case: Case) -> Explanation | None:
    if not case.is_refused_for(Reason.MALFORMED_PARAMETER):
        return None
    name = case.attempt.detail
    return Explanation(
        _("parameter malformed"),
        _("The parameter {name} was not as WeChat sends it: {shape}.").format(
            name=name, shape=shape_of(name)
        ),
        _("Nothing to do, unless a proxy in front of this server changes the query string."),
    )


def shape_of(parameter: str) -> str:
    if parameter == "signature":
        return _("40 digits and letters from a to f")
    if parameter == "timestamp":
        return _("digits, the seconds since 1970")
    if parameter == "nonce":
        return _("digits, or other visible ASCII characters")
    return _("letters, digits and _ + / = . ~ -, at most 256 of them")
