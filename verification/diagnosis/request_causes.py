"""Causes that the request itself shows."""

from __future__ import annotations

from django.utils.translation import gettext as _

from verification.diagnosis.advice import button_of, caller_of, stranger_tried
from verification.diagnosis.evidence import Evidence, Explanation
from verification.diagnosis.mistake_causes import also_signed, place_of
from verification.diagnosis.names import join_sentences
from verification.protocol.enums import Mark, Method, Outcome, Reason
from verification.protocol.request import SIGNATURES
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
            "under “Flood” what to do. If you pressed Submit (提交) or Save (保存) in a console at "
            "this time and it failed, press it again: an accepted request always has a row of its "
            "own."
        ),
    )


def method_not_allowed(evidence: Evidence) -> Explanation | None:
    if not evidence.is_refused_for(Reason.METHOD_NOT_ALLOWED):
        return None
    happened = _("Somebody called this address with {method}; WeChat only uses GET and POST.")
    to_do = _(
        "If a web page, an API client or a monitor of yours called it, let it call another "
        "address. Otherwise it was a scanner: nothing to do."
    )
    if evidence.attempt.method == Method.OPTIONS:
        happened = join_sentences(
            happened,
            _("A browser sends OPTIONS before a web page calls another site (CORS)."),
        )
    if evidence.signature:
        to_do = _(
            "It had a signature, as WeChat's requests have: if a script, a tool or a proxy of "
            "yours sent it, let it use GET for a check and POST for messages."
        )
    return Explanation(
        _("method that WeChat does not use"),
        happened.format(method=evidence.attempt.get_method_display()),
        to_do,
        is_harmless=not evidence.signature,
    )


def signed_with_empty_token(evidence: Evidence) -> Explanation | None:
    """Recognize a test for servers without a token, which accept the hash of the other parts."""
    attempt = evidence.attempt
    if attempt.outcome == Outcome.ACCEPTED or not evidence.signature:
        return None
    if not is_signed_with_empty_token(attempt.signed_parts, evidence.signature):
        return None
    return Explanation(
        _("signed with an empty token"),
        _("Someone signed this with an empty token; it was refused."),
        _(
            "If a script or tool of yours sent it, it has not read its token: set it there. "
            "Otherwise it was a probe, and there is nothing to do."
        ),
        is_harmless=True,
    )


def parameters_missing(evidence: Evidence) -> Explanation | None:
    """Recognize a request without any parameter of WeChat's."""
    if not evidence.is_refused_for(Reason.MISSING_PARAMETER) or arrived(evidence):
        return None
    if evidence.parameter not in SIGNATURES:  # It arrived, malformed.
        return None
    names = ", ".join(missing(evidence))
    if evidence.is_wechats:
        return _explain_lost_query(evidence, names)
    if evidence.attempt.method == Method.POST:
        return Explanation(
            _("parameters missing"),
            _("Someone sent a POST to this address without {names} in the URL.").format(
                names=names
            ),
            _(
                "If a script or tool of yours sent it, put these parameters behind the “?” of the "
                "URL, not into the body, and let it use GET for a check. Otherwise another system "
                "was given this URL, such as for payment notices, or it was a scanner."
            ),
            is_harmless=True,
        )
    return Explanation(
        _("parameters missing"),
        _(
            "Someone opened this address without {names}: a browser, a monitor or a bot, "
            "probably not WeChat."
        ).format(names=names),
        _(
            "If a script or tool of yours was to send them, put them behind the “?” of the URL, in "
            "a shell with quotation marks around it. If a menu or web page of yours leads here, "
            "correct its link. A monitor can call /readyz. Otherwise there is nothing to do."
        ),
        is_harmless=True,
    )


def _explain_lost_query(evidence: Evidence, names: str) -> Explanation:
    """Explain a request that has WeChat's user agent but none of its parameters."""
    is_post = evidence.attempt.method == Method.POST
    happened = _(
        "This had {caller}'s user agent, but came without {names}: something on the way has "
        "probably removed the query string."
    )
    to_do = _(
        "If somebody pressed {button} at that time, check that proxies, CDNs and redirects in "
        "front of this server pass on everything after the “?”, then press it again. Otherwise it "
        "was probably a bot."
    ).format(button=button_of(evidence))
    if is_post:
        happened = _(
            "This had {caller}'s user agent, but came without {names}. Either it is no message, or "
            "something on the way has removed the query string."
        )
        to_do = _(
            "If WeChat Pay or another product was given this URL, give it another one. If messages "
            "stay away, check that proxies, CDNs and redirects in front of this "
            "server pass on everything after the “?”."
        )
    return Explanation(
        _("parameters missing") if is_post else _("query string lost"),
        happened.format(caller=caller_of(evidence), names=names),
        to_do,
    )


def arrived(evidence: Evidence) -> list[str]:
    """Return the names of the parameters that arrived.

    A malformed signature is not on record. The first parameter that is missing is, and the
    signature comes first.
    """
    attempt = evidence.attempt
    has_signature = bool(attempt.signature) or evidence.parameter not in SIGNATURES
    sent = {
        "signature": has_signature and not evidence.is_wecom_call,
        "msg_signature": attempt.marks & Mark.MSG_SIGNATURE,
        "echostr": attempt.echostr,
        "timestamp": attempt.timestamp,
        "nonce": attempt.nonce,
        "encrypt_type": attempt.marks & Mark.ENCRYPTED,
    }
    return [name for name, is_here in sent.items() if is_here]


def required(evidence: Evidence) -> list[str]:
    """Return the names of the parameters that such a request must have."""
    names = [evidence.signature_name, "timestamp", "nonce"]
    if not evidence.is_push:
        names.append("echostr")
    elif evidence.attempt.marks & Mark.ENCRYPTED:
        names += ["msg_signature", "encrypt_type"]
    return [*dict.fromkeys(names)]


def missing(evidence: Evidence) -> list[str]:
    """Return the names of the parameters that did not arrive but had to."""
    here = arrived(evidence)
    return [name for name in required(evidence) if name not in here] or [evidence.parameter]


def parameters_incomplete(evidence: Evidence) -> Explanation | None:
    """Recognize a request with some of the platform's parameters only."""
    if not evidence.is_refused_for(Reason.MISSING_PARAMETER):
        return None
    names, lost = ", ".join(arrived(evidence)), ", ".join(missing(evidence))
    to_do = join_sentences(
        _(
            "If you sent this, send {required}, or press “Test from this server” on the account's "
            "page."
        ).format(required=", ".join(required(evidence))),
        _(
            "In a shell, put the URL in quotation marks: an & without them ends the command, so "
            "that only the first parameter arrives."
        )
        if len(arrived(evidence)) == 1
        else _("If the URL was copied, it may have been cut off: copy it to its end."),
        _(
            "If {caller} sent it, check which proxy in front of this server changes the query "
            "string."
        ).format(caller=caller_of(evidence)),
    )
    if lost == "echostr":
        to_do = join_sentences(
            to_do,
            _(
                "If it was a message, a redirect has turned its POST into a GET: put the address "
                "to which it leads into the console, with https."
            ),
        )
    also = also_signed(evidence)
    return Explanation(
        _("parameters incomplete"),
        join_sentences(
            _("Only {names} arrived, without {lost}. {caller} always sends all of them.").format(
                names=names, lost=lost, caller=caller_of(evidence)
            ),
            also,
        ),
        to_do,
    )


def parameter_repeated(evidence: Evidence) -> Explanation | None:
    if not evidence.is_refused_for(Reason.REPEATED_PARAMETER):
        return None
    return Explanation(
        _("parameter repeated"),
        _("The parameter {name} was repeated; WeChat sends each one once.").format(
            name=evidence.parameter
        ),
        _(
            "The server URL in the console, or in the script, must end with the slug: if it has "
            "old parameters behind a “?”, remove them. If it has none, look where a script or tool "
            "adds a parameter twice, or a proxy in front of this server changes the query string."
        ),
    )


def query_too_long(evidence: Evidence) -> Explanation | None:
    if not evidence.is_refused_for(Reason.MALFORMED_PARAMETER) or evidence.parameter != "query":
        return None
    return Explanation(
        _("query string too long"),
        _("The query string was far longer than WeChat's, and was not read."),
        _("Nothing to do, unless a script or tool of yours sent it: probably a scanner."),
        is_harmless=True,
    )


def parameter_malformed(evidence: Evidence) -> Explanation | None:
    if not evidence.is_refused_for(Reason.MALFORMED_PARAMETER):
        return None
    name = evidence.parameter
    return Explanation(
        _("parameter malformed"),
        join_sentences(
            _("The parameter {name} was not as WeChat sends it: {shape}.").format(
                name=name, shape=describe_format(name, is_wecom_call=evidence.is_wecom_call)
            ),
            place_of(evidence, ()),
        ),
        join_sentences(
            _(
                "If a script or tool of yours sent it, correct {name} there. If WeChat sent it, "
                "check which proxy in front of this server changes the query string."
            ).format(name=name),
            stranger_tried(),
        ),
    )


def describe_format(parameter: str, *, is_wecom_call: bool) -> str:
    """Return what WeChat sends as the parameter."""
    if parameter in SIGNATURES:
        return _("40 digits and letters from a to f")
    if parameter == "timestamp":
        return _("digits, the seconds since 1970")
    if parameter == "nonce":
        return _("digits, or other visible ASCII characters")
    if is_wecom_call:
        return _("base64: letters, digits, + and /, with = at the end, at most 256 of them")
    return _("letters, digits and _ + / = . ~ -, at most 256 of them")
