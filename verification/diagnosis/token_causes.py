"""Causes found by computing the signature again with every token that is stored now."""

from __future__ import annotations

from collections.abc import Collection

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from verification.diagnosis.evidence import Evidence, Explanation
from verification.keys import MISSING_KEY_ADVICE
from verification.models import OfficialAccount
from verification.protocol.enums import Reason
from verification.times import format_date

#: Accounts that an explanation names at the bare domain, where up to 50 answer.
MAX_NAMES = 3


def key_was_missing(evidence: Evidence) -> Explanation | None:
    """Recognize a correct request that was refused because the token could not be decrypted."""
    if not evidence.is_refused_for(Reason.UNDECRYPTABLE_TOKEN):
        return None
    for token, text in evidence.own_secrets():
        if evidence.was_live(token) and evidence.is_signed_with(text):
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
    for token, text in evidence.live(evidence.own_secrets()):
        if token.created_at > evidence.attempt.recorded_at and evidence.is_signed_with(text):
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
    for token, text in evidence.live(evidence.own_secrets()):
        if evidence.is_signed_with(text):
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
    for token, text in evidence.own_secrets():
        if (
            token.expires_at
            and not token.is_live_at(timezone.now())
            and evidence.is_signed_with(text)
        ):
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
    called = evidence.attempt.account
    for token, text in evidence.stored.secrets:
        other = token.account
        if called is None or other == called or not evidence.is_signed_with(text):
            continue
        return Explanation(
            _("token of “{other}”").format(other=other),
            _(
                "WeChat signed this with the token of “{other}”, but the URL belongs to “{own}”."
            ).format(other=other, own=called),
            _("Put {own}'s own token, or {other}'s own URL, into that console.").format(
                other=other, own=called
            ),
            (called, other),
            token,
            depends_on_tokens=True,
        )
    return None


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


def name_accounts(accounts: Collection[OfficialAccount]) -> str:
    """Return the names of the accounts, at most MAX_NAMES of them, and the number of the others."""
    names = " · ".join(f"“{account}”" for account in [*accounts][:MAX_NAMES])
    others = len(accounts) - MAX_NAMES
    if others <= 0:
        return names
    return ngettext("{names} and {count} other", "{names} and {count} others", others).format(
        names=names, count=others
    )


def put_key_back() -> str:
    """Return what to do when a token cannot be decrypted."""
    return _("{advice} Change nothing in WeChat's console.").format(advice=MISSING_KEY_ADVICE)


def token_unknown(evidence: Evidence) -> Explanation:
    account = evidence.attempt.account
    happened = _("The token in WeChat has never been stored here for “{account}”.")
    if evidence.own_undecryptable():
        happened = _(
            "The token in WeChat matches no token of “{account}” that this server can decrypt. A "
            "previous token cannot be compared, because TOKEN_ENCRYPTION_KEYS lacks the key that "
            "encrypted it."
        )
    return Explanation(
        _("unknown token"),
        happened.format(account=evidence.name),
        _(
            "Reveal the token on the account page, paste it into Token (令牌) in the console and "
            "press Submit (提交)."
        ),
        (account,) if account else (),
        depends_on_tokens=True,
    )
