"""Causes that show in the request itself or in the account it called."""

from __future__ import annotations

from difflib import get_close_matches

from django.utils.translation import gettext as _

from verification.diagnosis.case import Case, Explanation
from verification.models import OfficialAccount, Token
from verification.moments import day
from verification.protocol.words import Kind, Mark, Outcome, Reason


def accepted(case: Case) -> Explanation | None:
    token = case.known.tokens.get(case.attempt.token_id or 0)
    if case.attempt.outcome != Outcome.ACCEPTED or token is None:
        return None
    if token.is_current:
        in_short = _("accepted")
        happened = _("Signed with the current token {fingerprint} of “{account}”, and answered.")
    else:
        in_short = _("accepted, previous token")
        happened = _(
            "Signed with the previous token {fingerprint} of “{account}”, which was replaced on "
            "{date}, and answered."
        )
    return Explanation(
        "accepted",
        in_short,
        happened.format(
            fingerprint=token.fingerprint,
            account=token.account,
            date=token.superseded_at and day(token.superseded_at),
        ),
        after_acceptance(case, token),
        (token.account,),
    )


def after_acceptance(case: Case, token: Token) -> str:
    if case.attempt.kind == Kind.SELF_TEST:
        return _("Nothing to do: this server called itself.")
    if token.is_current:
        return _(
            "Nothing to do here. When you are ready to lose the console's auto-replies and menu, "
            "press Enable (启用)."
        )
    current = case.known.current_token(token.account)
    if current and current.first_used_at and current.first_used_at > case.attempt.recorded_at:
        return _("Nothing to do: WeChat has used the current token since then.")
    return _("Paste the current token into the console and press Submit (提交).")


def method_not_allowed(case: Case) -> Explanation | None:
    if not case.is_refused_for(Reason.METHOD_NOT_ALLOWED):
        return None
    return Explanation(
        "method_not_allowed",
        _("not a method of WeChat's"),
        _("Somebody called this address with {method}; WeChat only uses GET and POST.").format(
            method=case.attempt.get_method_display()
        ),
        _("Nothing to do: probably a scanner or a monitor."),
    )


def call_of_wecom(case: Case) -> Explanation | None:
    is_wecom = Mark.MSG_SIGNATURE in Mark(case.attempt.marks) and not case.attempt.signature
    if not is_wecom or not case.is_refused_for(Reason.MISSING_PARAMETER):
        return None
    return Explanation(
        "call_of_wecom",
        _("call of WeCom"),
        _("This is a WeCom check (msg_signature), but the address is for an official account."),
        _("Remove this URL from the WeCom console; WeCom is not supported yet."),
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
        "parameters_missing",
        _("parameters missing"),
        _(
            "Someone opened this address without {names}: a browser, a monitor or a bot, "
            "probably not WeChat."
        ).format(names=", ".join(names) or attempt.detail),
        _("Nothing to do."),
    )


def parameter_malformed(case: Case) -> Explanation | None:
    if not case.is_refused_for(Reason.MALFORMED_PARAMETER, Reason.REPEATED_PARAMETER):
        return None
    return Explanation(
        "parameter_malformed",
        _("parameter malformed"),
        _("The parameter {name} was repeated or not as WeChat sends it.").format(
            name=case.attempt.detail
        ),
        _("Nothing to do, unless a proxy in front of this server changes the query string."),
    )


def path_unknown(case: Case) -> Explanation | None:
    if not case.is_refused_for(Reason.UNKNOWN_ACCOUNT):
        return None
    slug = case.attempt.path_slug
    if not slug:
        return Explanation(
            "path_unknown",
            _("nobody answers at /"),
            _("No account answered at the bare address /."),
            _("Put the server URL from the account page into the console."),
        )
    if slug in case.known.accounts:
        return path_since_added(case.known.accounts[slug])
    near = get_close_matches(slug.strip("/").lower(), case.known.accounts, n=1, cutoff=0.5)
    nearest = [case.known.accounts[slug] for slug in near]
    happened = _("No account has the address “/wechat/{slug}”.")
    if nearest:
        happened = _("No account has the address “/wechat/{slug}”; the nearest is “{near}”.")
    return Explanation(
        "path_unknown",
        _("unknown path"),
        happened.format(slug=slug.lstrip("/"), near=nearest and nearest[0].server_path),
        _("Copy the server URL from the account page again."),
        tuple(nearest),
    )


def path_since_added(account: OfficialAccount) -> Explanation:
    return Explanation(
        "path_since_added",
        _("account came later"),
        _("No account had the address “{path}” then; “{account}” was added since.").format(
            path=account.server_path, account=account
        ),
        _("Press Submit (提交) again."),
        (account,),
    )


def account_paused(case: Case) -> Explanation | None:
    account = case.attempt.account
    if account is None or not case.is_refused_for(Reason.PAUSED_ACCOUNT):
        return None
    own = (event for event in case.known.pauses if event.account_id == account.pk)
    event = next((event for event in own if event.recorded_at <= case.attempt.recorded_at), None)
    if event is None:
        happened = _("“{account}” was paused, so its requests are refused.")
    else:
        happened = _("“{account}” was paused by {who} on {date}, so its requests are refused.")
    return Explanation(
        "account_paused",
        _("account paused"),
        happened.format(
            account=account, who=event and event.actor, date=event and day(event.recorded_at)
        ),
        _("Resume it if that was not intended."),
        (account,),
    )


def no_token_yet(case: Case) -> Explanation | None:
    if not case.is_refused_for(Reason.NO_TOKEN):
        return None
    account = case.attempt.account
    return Explanation(
        "no_token_yet",
        _("no token yet"),
        _("“{account}” had no token, so every check was refused.").format(account=case.name),
        _("Generate one on the account page, paste it into the console and press Submit (提交)."),
        (account,) if account else (),
    )
