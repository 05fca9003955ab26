"""Causes of WeCom's URL verifications whose echostr, which is signed, was changed on the way."""

from __future__ import annotations

import re

from django.utils.translation import gettext as _

from verification.diagnosis.advice import button_of, stranger_tried
from verification.diagnosis.evidence import MAX_CLOCK_SKEW, Evidence, Explanation
from verification.diagnosis.mistake_causes import describe_signers, place_of
from verification.diagnosis.names import join_sentences
from verification.diagnosis.other_parts import repair_echostr
from verification.protocol.encryption import UndecryptableMessage, decode_ciphertext
from verification.protocol.enums import Reason
from verification.protocol.shapes import Shape

#: What is left of an echostr, which has 88 characters of base64 or more, if a part was cut off or
#: changed. People make up shorter ones.
ECHOSTR_ON_THE_WAY = re.compile(r"[A-Za-z0-9+/ %_-]{40,}={0,2}")


def echostr_changed(evidence: Evidence) -> Explanation | None:
    """Recognize that a stored token signed the echostr before it was changed."""
    repaired = _repair(evidence)
    tokens = evidence.signers_of(repaired) if repaired and not evidence.signers else []
    if not tokens:
        return None
    owners = sorted({token.account for token in tokens}, key=str)
    called = evidence.attempt.account
    return Explanation(
        _("echostr changed on the way"),
        join_sentences(
            describe_signers(tokens),
            _("But the echostr was changed after that: {changes}.").format(
                changes=_describe_changes(evidence.attempt.echostr)
            ),
            place_of(evidence, owners),
        ),
        _keep_query_string(evidence),
        (*([called] if called else []), *(one for one in owners if one != called)),
        tokens[0],
        depends_on_tokens=True,
    )


def echostr_with_spaces(evidence: Evidence) -> Explanation | None:
    is_malformed = evidence.is_refused_for(Reason.MALFORMED_PARAMETER)
    if not is_malformed or evidence.parameter != "echostr" or evidence.shape is not Shape.SPACES:
        return None
    if not _may_be_wecoms(evidence):
        return None
    return Explanation(
        _("echostr with spaces"),
        join_sentences(
            _("The echostr has a space or line break in it, which was probably a +."),
            place_of(evidence, ()),
        ),
        join_sentences(_keep_query_string(evidence), stranger_tried()),
    )


def echostr_damaged(evidence: Evidence) -> Explanation | None:
    """Recognize an echostr that no token can have signed, because WeCom sends none like it."""
    if not evidence.is_wecom_call or evidence.is_push:
        return None
    if not evidence.is_refused_for(Reason.SIGNATURE_MISMATCH) or not _may_be_wecoms(evidence):
        return None
    echostr = evidence.attempt.echostr
    if echostr == echostr.lower():
        happened = _("The echostr has no capital letters, although WeCom's always has.")
    elif not _is_ciphertext(echostr):
        happened = _("The echostr is not whole: it was cut off, or something in it was changed.")
    else:
        return None
    account = evidence.attempt.account
    return Explanation(
        _("echostr damaged on the way"),
        join_sentences(happened, _("So the signature cannot fit, whatever the token is.")),
        join_sentences(_keep_query_string(evidence), stranger_tried()),
        (account,) if account else (),
        depends_on_tokens=True,
    )


def _may_be_wecoms(evidence: Evidence) -> bool:
    """Return whether WeCom may have sent the echostr, before it was changed.

    If not, somebody has made it up, and nothing can be said of the way.
    """
    is_timely = abs(evidence.age) <= MAX_CLOCK_SKEW
    is_shaped = ECHOSTR_ON_THE_WAY.fullmatch(evidence.attempt.echostr) is not None
    return is_shaped and (evidence.is_wechats or is_timely)


def _is_ciphertext(echostr: str) -> bool:
    try:
        return bool(decode_ciphertext(echostr))
    except UndecryptableMessage:
        return False


def _repair(evidence: Evidence) -> tuple[str, ...] | None:
    """Return the signed parts with the echostr as WeCom sent it, if it is another one."""
    attempt = evidence.attempt
    if not evidence.is_wecom_call or evidence.is_push or not attempt.echostr:
        return None
    is_malformed = evidence.is_refused_for(Reason.MALFORMED_PARAMETER)
    if not evidence.is_refused_for(Reason.SIGNATURE_MISMATCH) and not (
        is_malformed and evidence.parameter == "echostr"
    ):
        return None
    repaired = repair_echostr(attempt.echostr)
    return None if repaired == attempt.echostr else (attempt.timestamp, attempt.nonce, repaired)


def _describe_changes(echostr: str) -> str:
    changes = [
        ("%" in echostr, _("it was percent-encoded twice")),
        (" " in echostr, _("each + in it has become a space")),
        (bool({*echostr} & {*"-_"}), _("+ and / in it have become - and _")),
    ]
    found = [text for applies, text in changes if applies]
    return _(" and ").join(found or [_("it has lost the = at its end")])


def _keep_query_string(evidence: Evidence) -> str:
    """Return what to do about a query string that was encoded again on the way."""
    return _(
        "If WeCom sent it, a proxy or gateway in front of this server decodes the query string and "
        "encodes it again: let it pass on everything after the “?” as it is. Then press {button} "
        "again. If a script or tool of yours sent it, let it percent-encode the echostr once."
    ).format(button=button_of(evidence))
