"""Causes found by computing the signature again with every token that is stored now."""

from __future__ import annotations

from django.utils import timezone
from django.utils.translation import gettext as _

from verification.diagnosis.evidence import Evidence, Explanation
from verification.diagnosis.missing_keys import (
    add_missing_key,
    advise_missing_key,
    describe_missing_key,
    put_key_back,
)
from verification.diagnosis.mistake_causes import describe_signers
from verification.diagnosis.names import join_sentences, name_accounts
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
                    "This was signed with the right token of “{account}”, but the server that "
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
                    "This was signed with a token that was added to “{account}” only later, on "
                    "{date}."
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
                    "This was signed with a token of “{account}” that did not match then, but does "
                    "now: its key or the account's settings were changed."
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
            happened = describe_signers([token])
            to_do = _(
                "If a script or tool of yours sent it, put the current token there. If it was "
                "WeChat, paste the current token into the console and press Submit (提交)."
            )
            if evidence.is_wechats:
                happened = _(
                    "WeChat still uses the token of “{account}” that was retired on {date}."
                ).format(account=token.account, date=format_date(token.expires_at))
                to_do = _("Paste the current token into the console and press Submit (提交).")
            return add_missing_key(
                evidence,
                Explanation(
                    _("retired token"),
                    happened,
                    to_do,
                    (token.account,),
                    token,
                    depends_on_tokens=True,
                ),
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
    happened = _("This was signed with the token of {other}, but the URL belongs to “{own}”.")
    to_do = _("Put the token of “{own}” or the server URL of {other} into that console.")
    if not evidence.is_wechats:
        to_do = _(
            "Put the token of “{own}” or the server URL of {other} into the script or tool that "
            "sent it; if it was WeChat, into that console."
        )
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
    return add_missing_key(
        evidence,
        Explanation(
            _("token of {other}").format(other=names),
            happened.format(other=names, own=called),
            to_do.format(other=names, own=called),
            (called, *others),
            tokens[0],
            depends_on_tokens=True,
        ),
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


def token_unknown(evidence: Evidence) -> Explanation:
    account = evidence.attempt.account
    lost = sorted({token.account for token in evidence.stored.undecryptable}, key=str)
    happened = _("The signature matches no token that is stored here.")
    if lost:
        happened = _("The signature matches no token that this server can decrypt.")
    elif account:
        happened = _(
            "The signature matches no token that is stored here, neither of “{account}” nor of "
            "another account."
        ).format(account=account)
    return Explanation(
        _("unknown token"),
        join_sentences(happened, describe_missing_key(lost) if lost else ""),
        join_sentences(_advise_unknown(evidence), advise_missing_key(lost) if lost else ""),
        (account,) if account else (),
        depends_on_tokens=True,
    )


def _advise_unknown(evidence: Evidence) -> str:
    """Return the checks. The request may be WeChat's, a script's or a stranger's."""
    if evidence.is_wechats:
        return _(
            "If somebody pressed Submit (提交) at that time, or messages stay away: reveal the "
            "token on the account page, paste it into Token (令牌) in the console and press Submit "
            "(提交). Otherwise another product may have been given this URL, such as a Mini "
            "Program, an Open Platform component (第三方平台) or WeCom: give it another one. Or a "
            "stranger tried, and was refused."
        )
    return _(
        "If a script or tool of yours sent it, compare its token with the one on the account page, "
        "and how it signs: only token, timestamp and nonce, and the same timestamp and nonce that "
        "it sends. If it was WeChat, paste the token into Token (令牌) in the console. Otherwise "
        "another system may have been given this URL: give it another one. Or a stranger tried, "
        "and was refused."
    )
