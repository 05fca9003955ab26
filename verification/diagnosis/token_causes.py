"""Causes found by computing the signature again with every token that is stored now."""

from __future__ import annotations

from collections.abc import Collection

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from verification.diagnosis.evidence import Evidence, Explanation
from verification.diagnosis.mistake_causes import join_sentences
from verification.diagnosis.names import name_accounts
from verification.keys import MISSING_KEY_ADVICE
from verification.models import OfficialAccount
from verification.models.noise import WECHAT_USER_AGENT
from verification.protocol.enums import Reason
from verification.times import format_date


def key_was_missing(evidence: Evidence) -> Explanation | None:
    """Recognize a correct request that was refused because the token could not be decrypted."""
    if not evidence.is_refused_for(Reason.UNDECRYPTABLE_TOKEN):
        return None
    for token in evidence.own(evidence.signers):
        if evidence.was_live(token):
            return Explanation(
                _("encryption key was missing"),
                _(
                    "WeChat signed this with the right token of “{account}”, but the server that "
                    "answered could not decrypt it: its TOKEN_ENCRYPTION_KEYS lacked the key that "
                    "encrypted it."
                ).format(account=token.account),
                _(
                    "This process has the key. Make sure that all processes were restarted with "
                    "it; then press Submit (提交) again."
                ),
                (token.account,),
                token,
                depends_on_tokens=True,
            )
    return None


def token_since_added(evidence: Evidence) -> Explanation | None:
    """Recognize a token that was added after the attempt and is valid now."""
    for token in evidence.own(evidence.live_signers()):
        if token.created_at > evidence.attempt.recorded_at:
            return Explanation(
                _("token added later"),
                _(
                    "WeChat signed this with a token that was added to “{account}” only later, "
                    "on {date}."
                ).format(account=token.account, date=format_date(token.created_at)),
                _("Press Submit (提交) again."),
                (token.account,),
                token,
                depends_on_tokens=True,
            )
    return None


def token_fits_today(evidence: Evidence) -> Explanation | None:
    """Recognize a token that is valid now and was not usable at the time.

    The account did not accept calls at the bare domain. Or a release that did not record
    UNDECRYPTABLE_TOKEN lacked the encryption key.
    """
    for token in evidence.own(evidence.live_signers()):
        if not token.account.is_paused:
            return Explanation(
                _("token matches now"),
                _(
                    "WeChat signed this with a token of “{account}” that did not match then, but "
                    "does now: its key or the account's settings were changed."
                ).format(account=token.account),
                _("Press Submit (提交) again."),
                (token.account,),
                token,
                depends_on_tokens=True,
            )
    return None


def token_retired(evidence: Evidence) -> Explanation | None:
    for token in evidence.own(evidence.signers):
        if token.expires_at and not token.is_live_at(timezone.now()):
            return Explanation(
                _("retired token"),
                _("WeChat still uses the token of “{account}” that was retired on {date}.").format(
                    account=token.account, date=format_date(token.expires_at)
                ),
                _("Paste the current token into the console and press Submit (提交)."),
                (token.account,),
                token,
                depends_on_tokens=True,
            )
    return None


def token_of_another_account(evidence: Evidence) -> Explanation | None:
    """Recognize the token of another account, or of several that share one."""
    called = evidence.attempt.account
    tokens = [
        token for token in evidence.signers if token.account_id != evidence.attempt.account_id
    ]
    if called is None or not tokens:
        return None
    others = sorted({token.account for token in tokens}, key=str)
    names = name_accounts(others)
    happened = _("WeChat signed this with the token of {other}, but the URL belongs to “{own}”.")
    to_do = _("Put the token of “{own}” or the server URL of {other} into that console.")
    if not any(token.is_live_at(timezone.now()) for token in tokens):
        happened = _(
            "This was signed with a token of {other} that has been retired, but the URL belongs to "
            "“{own}”."
        )
    if len(others) > 1:
        to_do = _(
            "Put the token of “{own}” into that console. {other} share one token: give each its "
            "own."
        )
    return Explanation(
        _("token of {other}").format(other=names),
        happened.format(other=names, own=called),
        to_do.format(other=names, own=called),
        (called, *others),
        tokens[0],
        depends_on_tokens=True,
    )


def key_missing(evidence: Evidence) -> Explanation | None:
    """Recognize that the token cannot be compared, because it cannot be decrypted now."""
    if not evidence.is_refused_for(Reason.UNDECRYPTABLE_TOKEN, Reason.SIGNATURE_MISMATCH):
        return None
    lost = [token for token in evidence.own_undecryptable() if evidence.was_live(token)]
    if not lost:
        return None
    accounts = sorted({token.account for token in lost}, key=str)
    if evidence.is_refused_for(Reason.UNDECRYPTABLE_TOKEN):
        happened = _("{what_happened} WeChat's request may be right.")
    else:
        happened = _("{what_happened} So the cause cannot be found now.")
    return Explanation(
        _("encryption key missing"),
        happened.format(what_happened=describe_missing_key(accounts)),
        put_key_back(),
        tuple(accounts),
        depends_on_tokens=True,
    )


def explain_missing_key(accounts: Collection[OfficialAccount]) -> str:
    """Return that the tokens of these accounts cannot be decrypted, and what to do."""
    return _("{what_happened} {what_to_do}").format(
        what_happened=describe_missing_key(accounts), what_to_do=put_key_back()
    )


def describe_missing_key(accounts: Collection[OfficialAccount]) -> str:
    return ngettext(
        "This server cannot decrypt the token of {accounts}, because TOKEN_ENCRYPTION_KEYS lacks "
        "the key that encrypted it.",
        "This server cannot decrypt the tokens of {accounts}, because TOKEN_ENCRYPTION_KEYS lacks "
        "the key that encrypted them.",
        len(accounts),
    ).format(accounts=name_accounts(accounts))


def put_key_back() -> str:
    """Return what to do when a token cannot be decrypted."""
    return _("{advice} Change nothing in WeChat's console.").format(advice=MISSING_KEY_ADVICE)


def token_unknown(evidence: Evidence) -> Explanation:
    account = evidence.attempt.account
    return Explanation(
        _("unknown token"),
        _describe_unknown(evidence).format(account=evidence.name),
        _advise_unknown(evidence),
        (account,) if account else (),
        depends_on_tokens=True,
    )


def _describe_unknown(evidence: Evidence) -> str:
    lost = sorted({token.account for token in evidence.stored.undecryptable}, key=str)
    if evidence.own_undecryptable():
        return _(
            "The signature matches no token of “{account}” that this server can decrypt. A "
            "previous token cannot be compared, because TOKEN_ENCRYPTION_KEYS lacks the key that "
            "encrypted it."
        )
    happened = _("The signature matches no token that is stored here.")
    if evidence.attempt.account:
        happened = _(
            "The signature matches no token that is stored here, neither of “{account}” nor of "
            "another account."
        )
    return join_sentences(happened, describe_missing_key(lost) if lost else "")


def _advise_unknown(evidence: Evidence) -> str:
    """Return the checks. The request may be WeChat's, a script's or a stranger's."""
    if evidence.attempt.user_agent == WECHAT_USER_AGENT:
        return _(
            "If somebody pressed Submit (提交) at that time, or messages stay away: reveal the "
            "token on the account page, paste it into Token (令牌) in the console and press Submit "
            "(提交). Otherwise a stranger tried, and was refused."
        )
    return _(
        "If a script or tool of yours sent it, compare its token with the one on the account page, "
        "and how it signs: only token, timestamp and nonce, and the same timestamp and nonce that "
        "it sends. If it was WeChat, paste the token into Token (令牌) in the console. Otherwise a "
        "stranger tried, and was refused."
    )
