"""Causes that show in the request itself or in the account it called."""

from __future__ import annotations

from difflib import get_close_matches

from django.utils.translation import gettext as _

from verification.diagnosis.case import Case, Explanation
from verification.models import ChangeEvent, OfficialAccount
from verification.moments import day
from verification.protocol.words import Kind, Mark, Outcome, Reason


def accepted(case: Case) -> Explanation | None:
    attempt = case.attempt
    if attempt.outcome != Outcome.ACCEPTED or attempt.token is None:
        return None
    account = attempt.token.account
    return Explanation(
        "accepted",
        _("accepted"),
        _("Signed with the token {fingerprint} of “{account}”, and answered.").format(
            fingerprint=attempt.token.fingerprint, account=account
        ),
        _(
            "Nothing to do here. When you are ready to lose the console's auto-replies and menu, "
            "press Enable (启用)."
        ),
        (account,),
    )


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
    near = get_close_matches(slug.strip("/").lower(), case.known.slugs, n=1, cutoff=0.5)
    nearest = OfficialAccount.objects.filter(slug__in=near).first()
    if nearest is None:
        happened = _("No account has the address “/wechat/{slug}”.").format(slug=slug.lstrip("/"))
        return Explanation(
            "path_unknown",
            _("unknown path"),
            happened,
            _("Copy the server URL from the account page again."),
        )
    return Explanation(
        "path_unknown",
        _("unknown path"),
        _("No account has the address “/wechat/{slug}”; the nearest is “{near}”.").format(
            slug=slug.lstrip("/"), near=nearest.server_path
        ),
        _("Copy the server URL from the account page again."),
        (nearest,),
    )


def account_paused(case: Case) -> Explanation | None:
    account = case.attempt.account
    if account is None or not case.is_refused_for(Reason.PAUSED_ACCOUNT):
        return None
    pauses = account.change_events.filter(
        action=ChangeEvent.Action.ACCOUNT_PAUSED, recorded_at__lte=case.attempt.recorded_at
    )
    event = pauses.order_by("-id").first()
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
