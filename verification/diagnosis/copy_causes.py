"""Causes of requests that were sent again, whole or in part."""

from __future__ import annotations

from django.utils.translation import gettext as _

from verification.diagnosis.advice import check_signing
from verification.diagnosis.evidence import Evidence, Explanation
from verification.diagnosis.missing_keys import add_missing_key
from verification.diagnosis.mistake_causes import describe_signers, matches_nothing, place_of
from verification.diagnosis.names import join_sentences
from verification.diagnosis.remarks import (
    REPEAT_SEARCH_LENGTH,
    format_duration,
    has_cut_timestamp,
)
from verification.models import VerificationAttempt
from verification.protocol.enums import Reason
from verification.times import format_datetime


def copied_request(evidence: Evidence) -> Explanation | None:
    """Recognize an old request that somebody sent again, which tells nothing about the console."""
    if not evidence.is_old_copy or not evidence.is_refused_for(
        Reason.SIGNATURE_MISMATCH, Reason.UNDECRYPTABLE_TOKEN
    ):
        return None
    if has_cut_timestamp(evidence.attempt) or evidence.covers_message:
        return None
    if evidence.own(evidence.live_signers()) or evidence.match:
        return None
    if not evidence.signers and evidence.own_undecryptable():
        return None
    account = evidence.attempt.account
    summary = _("copy of an old request") if evidence.signers else _("old timestamp, unknown token")
    signers = sorted({token.account for token in evidence.signers}, key=str)
    others = [signer for signer in signers if signer != account]
    return add_missing_key(
        evidence,
        Explanation(
            summary,
            join_sentences(*_describe_copy(evidence), place_of(evidence, signers)),
            join_sentences(
                _(
                    "Change nothing in the console because of it. To test an account, press "
                    "“Test from this server” on its page."
                ),
                _("If a script or tool of yours makes such requests, look at its clock as well."),
                "" if signers else _("Compare its token with the account's current one."),
                "" if signers else check_signing(evidence),
            ),
            (*([account] if account else []), *others),
            evidence.signers[0] if signers else None,
            depends_on_tokens=True,
        ),
    )


def _describe_copy(evidence: Evidence) -> list[str]:
    """Return the sentences that say what shows a copy, and with which token it was signed."""
    if evidence.signers:
        copied = _(
            "Probably somebody sent a copy of an old request: its timestamp was {time} behind, and "
            "its user agent is not WeChat's."
        )
        return [
            copied.format(time=format_duration(evidence.age)),
            describe_signers(evidence.signers),
        ]
    copied = _(
        "The timestamp was {time} behind, and the user agent is not WeChat's: either it is a copy "
        "of an old request, or the clock of the script that sent it is wrong. An old timestamp "
        "alone is not refused."
    )
    return [matches_nothing(), copied.format(time=format_duration(evidence.age))]


def signature_reused(evidence: Evidence) -> Explanation | None:
    """Recognize the signature of an earlier attempt, with another timestamp or nonce.

    Queries the database, so it is left out in a list.
    """
    if evidence.stored.is_list or not evidence.is_refused_for(Reason.SIGNATURE_MISMATCH):
        return None
    earlier = _find_signature(evidence)
    if earlier is None:
        return None
    account = evidence.attempt.account
    happened = _(
        "Attempt {number} of {time} had the same signature, with another timestamp or nonce. A "
        "signature is valid for one timestamp and one nonce."
    )
    if evidence.is_wecom_call:
        happened = _(
            "Attempt {number} of {time} had the same signature, with another timestamp, nonce or "
            "echostr. A signature is valid for one of each."
        )
    return Explanation(
        _("signature of another request"),
        happened.format(number=earlier.pk, time=format_datetime(earlier.recorded_at)),
        _(
            "If a script or tool of yours sent it, let it compute a new signature for each request "
            "and send the timestamp and nonce that it signs. If WeChat sent it, check which proxy "
            "in front of this server changes the query string. Otherwise somebody changed a copied "
            "request, and was refused. Change nothing in the console because of it."
        ),
        (account,) if account else (),
        depends_on_tokens=True,
    )


def _find_signature(evidence: Evidence) -> VerificationAttempt | None:
    attempt = evidence.attempt
    same = VerificationAttempt.objects.filter(
        id__range=(attempt.pk - REPEAT_SEARCH_LENGTH, attempt.pk - 1), signature=attempt.signature
    )
    signed = {"timestamp": attempt.timestamp, "nonce": attempt.nonce}
    if evidence.is_wecom_call:
        signed["echostr"] = attempt.echostr
    unlike = same.exclude(**signed)
    return unlike.order_by("id").first()
