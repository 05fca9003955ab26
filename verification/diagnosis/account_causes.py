"""Causes that concern the account that was called, or a path that belongs to no account."""

from __future__ import annotations

from django.utils.translation import gettext as _

from verification.diagnosis.advice import button_of, check_path, stranger_tried, try_again
from verification.diagnosis.evidence import Evidence, Explanation
from verification.diagnosis.mistake_causes import (
    also_signed,
    describe_odd_path,
    describe_path,
    describe_signature,
)
from verification.diagnosis.names import MAX_NAMES, join_sentences, name_accounts
from verification.models.account import MAX_ACCOUNTS_AT_ROOT
from verification.protocol.enums import Reason
from verification.times import format_datetime


def account_paused(evidence: Evidence) -> Explanation | None:
    account = evidence.attempt.account
    if account is None or not evidence.is_refused_for(Reason.PAUSED_ACCOUNT):
        return None
    event = next(
        (
            event
            for event in evidence.stored.pauses
            if event.account_id == account.pk and event.recorded_at <= evidence.attempt.recorded_at
        ),
        None,
    )
    if event is None:
        happened = _("“{account}” was paused, so its requests are refused.")
    else:
        happened = _("“{account}” was paused by {who} on {date}, so its requests are refused.")
    happened = happened.format(
        account=account,
        who=event and event.actor_name,
        date=event and format_datetime(event.recorded_at, "%Y-%m-%d %H:%M"),
    )
    to_do = _("Resume it if that was not intended.")
    if not account.is_paused:
        to_do = _("The account has been resumed since.")
    also = also_signed(evidence)
    return Explanation(
        _("paused account, wrong token") if also else _("paused account"),
        join_sentences(happened, also),
        join_sentences(to_do, check_token() if also else ""),
        (account,),
        event=event,
    )


def check_token() -> str:
    """Return what to do about a wrong token that is not the first thing to do."""
    return _(
        "Check the token as well: the console, or the script that sent this, must have the "
        "account's current one."
    )


def account_not_at_root(evidence: Evidence) -> Explanation | None:
    """Recognize the token of an account whose calls at the bare domain are not compared."""
    if evidence.attempt.path_slug:
        return None
    at_root = evidence.ids_at_root
    tokens = [token for token in evidence.live_signers() if token.account_id not in at_root]
    if not tokens or evidence.own(evidence.live_signers()):
        return None
    account = tokens[0].account
    summary = _("“{account}” does not accept calls at the bare domain")
    happened = _(
        "The bare domain was called with the token of “{account}”, which does not accept calls "
        "there."
    )
    if account.answers_at_root:
        summary = _("“{account}” is beyond the limit at the bare domain")
        happened = _(
            "The bare domain was called with the token of “{account}”. More than {limit} "
            "accounts accept calls there, and only the tokens of the first {limit} are compared."
        )
    return Explanation(
        summary.format(account=account),
        happened.format(account=account, limit=MAX_ACCOUNTS_AT_ROOT),
        join_sentences(
            _(
                "Put its server URL {url} into the console and press {button}, or into the script "
                "that sent this."
            ).format(url=account.server_url, button=account.submit_button),
            _("If it is there already, a proxy in front of this server cuts off the path."),
        ),
        (account,),
        tokens[0],
        depends_on_tokens=True,
    )


def no_account_at_root(evidence: Evidence) -> Explanation | None:
    if evidence.attempt.path_slug or not evidence.is_refused_for(Reason.UNKNOWN_ACCOUNT):
        return None
    happened = _("No account accepted calls at the bare domain.")
    if evidence.is_wecom_call:
        happened = _("No WeCom app accepted calls at the bare domain.")
    elif evidence.stored.ids_at_root(is_wecom=True):
        happened = _("Only WeCom apps accepted calls at the bare domain.")
    return Explanation(
        _("no account accepts calls at the bare domain"),
        join_sentences(happened, describe_signature(evidence)),
        join_sentences(
            _(
                "Put the server URL and the token from the account page into the console, or into "
                "the script that sent this."
            ),
            _("If it is there already, a proxy in front of this server cuts off the path."),
            stranger_tried(),
        ),
    )


def path_since_added(evidence: Evidence) -> Explanation | None:
    if not evidence.is_refused_for(Reason.UNKNOWN_ACCOUNT):
        return None
    account = evidence.stored.accounts.get(evidence.attempt.path_slug)
    if account is None:
        return None
    signers = [token.account for token in evidence.live_signers()]
    return Explanation(
        _("account added later"),
        join_sentences(
            _("No account had the address “{path}” then; “{account}” was added since.").format(
                path=account.server_path, account=account
            ),
            "" if account in signers else describe_signature(evidence),
        ),
        try_again(evidence),
        (account,),
    )


def path_mistyped(evidence: Evidence) -> Explanation | None:
    """Recognize a mistyped path by the token, which belongs to the account that was meant."""
    if not evidence.is_refused_for(Reason.UNKNOWN_ACCOUNT) or not evidence.attempt.path_slug:
        return None
    tokens = evidence.live_signers()
    if not tokens:
        return None
    accounts = sorted({token.account for token in tokens}, key=str)
    others = [near for near in evidence.nearest_accounts if near not in accounts]
    return Explanation(
        _("mistyped path of {accounts}").format(accounts=name_accounts(accounts)),
        join_sentences(
            _(
                "No account has the address “{called}”, but this was signed with the token of "
                "{accounts}, whose address is “{path}”."
            ).format(
                called=evidence.attempt.path,
                accounts=name_accounts(accounts),
                path="” · “".join(account.server_path for account in accounts[:MAX_NAMES]),
            ),
            _(
                "The nearest address is that of “{other}”, so decide which account was meant: the "
                "console or script needs the URL and the token of the same one."
            ).format(other=others[0])
            if others
            else "",
            describe_odd_path(evidence),
        ),
        check_path(),
        (*accounts, *others),
        tokens[0],
        depends_on_tokens=True,
    )


def path_of_former_slug(evidence: Evidence) -> Explanation | None:
    """Recognize the address of an account that was deleted, or that has another address now."""
    if not evidence.is_refused_for(Reason.UNKNOWN_ACCOUNT):
        return None
    event = evidence.stored.former_slugs.get(evidence.attempt.path_slug)
    if event is None:
        return None
    account = evidence.stored.accounts_by_id.get(event.account_id or 0)
    if account is not None:
        happened = _("“{name}” had the address “{path}” until {who} changed it on {date}.")
        to_do = _(
            "Its server URL is {url} now: put it into the console and press {button}, or into the "
            "script that sent this."
        )
    else:
        happened = _("“{name}” had the address “{path}” until {who} deleted the account on {date}.")
        to_do = _(
            "Remove this server URL from that account's console or script, or add the account "
            "again with its slug and its token."
        )
    return Explanation(
        _("path of a former account") if account is None else _("former path"),
        join_sentences(
            happened.format(
                name=account or event.facts.get("name", ""),
                path=evidence.attempt.path,
                who=event.actor_name,
                date=format_datetime(event.recorded_at, "%Y-%m-%d %H:%M"),
            ),
            describe_signature(evidence),
        ),
        to_do.format(url=account.server_url if account else "", button=button_of(evidence)),
        (account,) if account else (),
        event=event,
    )


def path_unknown(evidence: Evidence) -> Explanation | None:
    if not evidence.is_refused_for(Reason.UNKNOWN_ACCOUNT):
        return None
    return Explanation(
        _("unknown path"),
        join_sentences(describe_path(evidence), describe_signature(evidence)),
        join_sentences(
            _(
                "If it is in a console or in a script, copy the server URL and the token from the "
                "page of the account that is meant. If that account is not here, add it, with the "
                "token that its console has."
            ),
            stranger_tried(),
        ),
        tuple(evidence.nearest_accounts),
    )


def no_token_yet(evidence: Evidence) -> Explanation | None:
    if not evidence.is_refused_for(Reason.NO_TOKEN):
        return None
    account = evidence.attempt.account
    also = also_signed(evidence) if evidence.signers or evidence.match else ""
    return Explanation(
        _("no token yet"),
        join_sentences(
            _("“{account}” had no token, so every check was refused.").format(
                account=evidence.name
            ),
            also,
        ),
        _(
            "Generate one on the account page, paste it into the console and press {button}. If "
            "the console has a token already, you can enter it on the account page instead."
        ).format(button=button_of(evidence)),
        (account,) if account else (),
    )
