"""Causes found by computing the signature again with every token that is stored now."""

from __future__ import annotations

from django.utils import timezone
from django.utils.translation import gettext as _

from verification.diagnosis.advice import (
    button_of,
    caller_of,
    check_signing,
    stranger_tried,
    try_again,
    use_current_token,
)
from verification.diagnosis.evidence import Evidence, Explanation
from verification.diagnosis.missing_keys import (
    add_missing_key,
    advise_missing_key,
    describe_missing_key,
    put_key_back,
)
from verification.diagnosis.mistake_causes import describe_signers, matches_nothing
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
                    "it; then press {button} again, or let the script send it again."
                ).format(button=button_of(evidence)),
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
                try_again(evidence),
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
                try_again(evidence),
                (token.account,),
                token,
                depends_on_tokens=True,
            )
    return None


def token_retired(evidence: Evidence) -> Explanation | None:
    for token in evidence.own(evidence.signers):
        if token.expires_at and not token.is_live_at(timezone.now()):
            happened = describe_signers([token])
            if evidence.is_wechats:
                happened = _(
                    "{caller} still uses the token of “{account}” that was retired on {date}."
                ).format(
                    caller=caller_of(evidence),
                    account=token.account,
                    date=format_date(token.expires_at),
                )
            return add_missing_key(
                evidence,
                Explanation(
                    _("retired token"),
                    happened,
                    use_current_token(evidence),
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
    live = [token for token in tokens if token.is_live_at(timezone.now())]
    tokens = live or tokens
    others = sorted({token.account for token in tokens}, key=str)
    names = name_accounts(others)
    happened = _("This was signed with the token of {other}, but the URL belongs to “{own}”.")
    to_do = _("Put the token of “{own}” or the server URL of {other} into that console.")
    if not evidence.is_wechats:
        to_do = _(
            "Put the token of “{own}” or the server URL of {other} into the script or tool that "
            "sent it; if it was WeChat, into that console."
        )
    if not live:
        happened = _(
            "This was signed with a token of {other} that is retired now, but the URL belongs to "
            "“{own}”."
        )
        to_do = _(
            "Put the current token of “{own}” into that console, or into the script that sent "
            "this. If {other} was meant, use the server URL and the current token of that account."
        )
    elif not any(other.is_wecom == evidence.is_wecom_call for other in others):
        to_do = _("Put the token of “{own}” into that console, or into the script that sent this.")
    elif len(others) > 1:
        to_do = _(
            "Put the token of “{own}” into that console, or into the script that sent this. "
            "{other} share one token: give each its own."
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
        happened = _("{what_happened} The request may be right.")
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
    happened = matches_nothing()
    if lost:
        happened = _("The signature matches no token that this server can decrypt.")
    elif account:
        happened = _(
            "The signature matches no token that is stored here, neither of “{account}” nor of "
            "another account."
        ).format(account=account)
    advice = _advise_wechat(evidence) if evidence.is_wechats else _advise_script(evidence)
    return Explanation(
        _("unknown token"),
        join_sentences(
            happened,
            "" if account else _name_accounts_at_root(evidence),
            describe_missing_key(lost) if lost else "",
        ),
        join_sentences(*advice, advise_missing_key(lost) if lost else ""),
        (account,) if account else (),
        depends_on_tokens=True,
    )


def _name_accounts_at_root(evidence: Evidence) -> str:
    stored = evidence.stored
    accounts = sorted((stored.accounts_by_id[some] for some in evidence.ids_at_root), key=str)
    if not accounts:
        return ""
    return _("These accept calls at the bare domain: {accounts}.").format(
        accounts=name_accounts(accounts)
    )


def _advise_wechat(evidence: Evidence) -> list[str]:
    """Return the checks, the likeliest first, of a request that has WeChat's user agent."""
    return [
        _("If somebody pressed {button} at that time, or messages stay away:").format(
            button=button_of(evidence)
        ),
        _use_own_token(evidence),
        _(
            "Each form of WeCom's console that has a URL, such as 客户联系 or 通讯录同步, has a "
            "token and an EncodingAESKey of its own: give it those of this account, or an account "
            "of its own here. If the console has the right token already, a proxy in front of this "
            "server changes the query string, or a script sent this."
        )
        if evidence.is_wecom
        else _(
            "If another account or product has this URL, such as a test account (测试号), a Mini "
            "Program, an Open Platform component (第三方平台) or WeCom, give it its own. If the "
            "console has the right token already, a proxy in front of this server changes the "
            "query string, or a script sent this."
        ),
        check_signing(evidence),
        stranger_tried(),
    ]


def _advise_script(evidence: Evidence) -> list[str]:
    """Return the checks of a request that a script sent, or WeChat by way of a proxy."""
    compare = _("If a script or tool of yours sent it, compare its token with the account's.")
    if evidence.attempt.account:
        compare = _(
            "If a script or tool of yours sent it, compare its token with the one on the account "
            "page."
        )
    return [
        compare,
        check_signing(evidence),
        _("If it was {caller}:").format(caller=caller_of(evidence)),
        _use_own_token(evidence),
        _("If another product or system was given this URL, give it another one."),
        stranger_tried(),
    ]


def _use_own_token(evidence: Evidence) -> str:
    if evidence.attempt.account:
        return _(
            "copy the token from the page of “{account}” into Token (令牌) in its console and "
            "press {button}, or enter the console's token on that page."
        ).format(account=evidence.attempt.account, button=button_of(evidence))
    return _(
        "find the account whose console has the bare domain as its URL, and put its server URL and "
        "its token there."
    )
