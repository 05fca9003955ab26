"""Causes of accepted attempts, with the steps that remain."""

from __future__ import annotations

from django.utils import timezone
from django.utils.translation import gettext as _

from verification.diagnosis.advice import caller_of, use_current_token
from verification.diagnosis.evidence import Evidence, Explanation
from verification.models import OfficialAccount, Token
from verification.protocol.enums import Kind, Platform
from verification.times import format_date, format_datetime


def own_test_accepted(evidence: Evidence) -> Explanation | None:
    token = evidence.accepted_token
    if token is None or evidence.attempt.kind != Kind.SELF_TEST:
        return None
    return Explanation(
        _("accepted"),
        _("This server called itself with the token {fingerprint} of “{account}”.").format(
            fingerprint=token.fingerprint, account=token.account
        ),
        _("Nothing to do: this server called itself."),
        (token.account,),
        token,
    )


def accepted_with_previous_token(evidence: Evidence) -> Explanation | None:
    token = evidence.accepted_token
    if token is None or token.superseded_at is None:
        return None
    if token.superseded_at > evidence.attempt.recorded_at:
        return None
    return Explanation(
        _("accepted, previous token"),
        describe_validity(token).format(
            fingerprint=token.fingerprint,
            account=token.account,
            caller=caller_of(evidence),
            date=format_date(token.superseded_at),
            time=token.expires_at and format_datetime(token.expires_at, "%Y-%m-%d %H:%M"),
        ),
        next_step_after_rotation(evidence, token),
        (token.account,),
        token,
        depends_on_tokens=True,
    )


def describe_validity(token: Token) -> str:
    """Return a template for the sentence that says how long the previous token is valid."""
    if token.expires_at is None:
        return _(
            "Signed with the previous token {fingerprint} of “{account}”, which was replaced on "
            "{date} and stays valid until 24 hours after {caller} first uses the current one."
        )
    if token.expires_at > timezone.now():
        return _(
            "Signed with the previous token {fingerprint} of “{account}”, which was replaced on "
            "{date} and is valid until {time}."
        )
    return _(
        "Signed with the previous token {fingerprint} of “{account}”, which was replaced on "
        "{date} and was valid until {time}."
    )


def accepted_before_rotation(evidence: Evidence) -> Explanation | None:
    token = evidence.accepted_token
    if token is None or token.superseded_at is None:
        return None
    return Explanation(
        _("accepted"),
        _(
            "Signed with the token {fingerprint} of “{account}”, the current one until it was "
            "replaced on {date}, and answered."
        ).format(
            fingerprint=token.fingerprint,
            account=token.account,
            date=format_date(token.superseded_at),
        ),
        next_step_after_rotation(evidence, token),
        (token.account,),
        token,
        depends_on_tokens=True,
    )


def accepted(evidence: Evidence) -> Explanation | None:
    token = evidence.accepted_token
    if token is None:
        return None
    return Explanation(
        _("accepted"),
        _("Signed with the current token {fingerprint} of “{account}”, and answered.").format(
            fingerprint=token.fingerprint, account=token.account
        ),
        next_step(token.account),
        (token.account,),
        token,
        depends_on_tokens=True,
    )


def next_step(account: OfficialAccount) -> str:
    """Return what to do after the console has accepted the URL. Only one platform has Enable."""
    if account.platform == Platform.WECOM:
        return _(
            "Nothing to do here. If the console has saved the URL, messages and events of the app "
            "come here now. Without a backend, nobody reads them."
        )
    if account.platform == Platform.MINI_PROGRAM:
        return _(
            "Nothing to do here. If the console has taken the URL, messages of the Mini Program "
            "come here now, and no longer to 网页版客服 and 客服小助手. Without a backend, nobody "
            "reads them."
        )
    return _(
        "Nothing to do here. When you are ready to lose the console's auto-replies and menu, "
        "press Enable (启用)."
    )


def next_step_after_rotation(evidence: Evidence, token: Token) -> str:
    current = evidence.stored.current_token(token.account)
    if current and current.first_used_at and current.first_used_at > evidence.attempt.recorded_at:
        return _("Nothing to do: {caller} has used the current token since then.").format(
            caller=caller_of(evidence)
        )
    return use_current_token(evidence)
