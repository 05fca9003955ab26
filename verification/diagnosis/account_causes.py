"""Causes that concern the account that was called, or a path that belongs to no account."""

from __future__ import annotations

from django.utils.translation import gettext as _

from verification.diagnosis.evidence import Evidence, Explanation
from verification.diagnosis.mistake_causes import (
    also_signed,
    describe_odd_path,
    describe_signers,
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
    return _("Before you press Submit (提交), copy the account's current token into the console.")


def account_not_at_root(evidence: Evidence) -> Explanation | None:
    """Recognize the token of an account whose calls at the bare domain are not compared."""
    if evidence.attempt.path_slug:
        return None
    at_root = evidence.stored.ids_at_root
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
        _("Put its server URL {url} into the console and press Submit (提交).").format(
            url=account.server_url
        ),
        (account,),
        tokens[0],
        depends_on_tokens=True,
    )


def no_account_at_root(evidence: Evidence) -> Explanation | None:
    if evidence.attempt.path_slug or not evidence.is_refused_for(Reason.UNKNOWN_ACCOUNT):
        return None
    return Explanation(
        _("no account accepts calls at the bare domain"),
        _("No account accepted calls at the bare domain."),
        _("Put the server URL from the account page into the console."),
    )


def path_since_added(evidence: Evidence) -> Explanation | None:
    if not evidence.is_refused_for(Reason.UNKNOWN_ACCOUNT):
        return None
    account = evidence.stored.accounts.get(evidence.attempt.path_slug)
    if account is None:
        return None
    return Explanation(
        _("account added later"),
        _("No account had the address “{path}” then; “{account}” was added since.").format(
            path=account.server_path, account=account
        ),
        _("Press Submit (提交) again."),
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
            describe_odd_path(evidence),
        ),
        join_sentences(
            _("Copy the server URL from the account page again."),
            _(
                "If the console has it already, the proxy in front of this server changes the "
                "path: with nginx, proxy_pass must not end with a slash."
            ),
        ),
        tuple(accounts),
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
        to_do = _("Its server URL is {url} now: put it into the console and press Submit (提交).")
    else:
        happened = _("“{name}” had the address “{path}” until {who} deleted the account on {date}.")
        to_do = _(
            "Remove this server URL from that account's console, or add the account again with its "
            "slug."
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
            _name_signer(evidence),
        ),
        to_do.format(url=account.server_url if account else ""),
        (account,) if account else (),
        event=event,
    )


def path_unknown(evidence: Evidence) -> Explanation | None:
    if not evidence.is_refused_for(Reason.UNKNOWN_ACCOUNT):
        return None
    nearest = evidence.nearest_accounts
    happened = _("No account has the address “{path}”.")
    if nearest:
        happened = _("No account has the address “{path}”; the nearest is “{near}”.")
    return Explanation(
        _("unknown path"),
        join_sentences(
            happened.format(path=evidence.attempt.path, near=nearest and nearest[0].server_path),
            describe_odd_path(evidence),
            _name_signer(evidence),
        ),
        _(
            "If it stands in WeChat's console or in a script, copy the server URL from the account "
            "page again."
        ),
        tuple(nearest),
    )


def _name_signer(evidence: Evidence) -> str:
    """Return which token that is no longer valid the request was signed with, if any."""
    return describe_signers(evidence.signers) if evidence.signers else ""


def no_token_yet(evidence: Evidence) -> Explanation | None:
    if not evidence.is_refused_for(Reason.NO_TOKEN):
        return None
    account = evidence.attempt.account
    also = ""
    if evidence.signers or evidence.match:
        also = also_signed(evidence)
    return Explanation(
        _("no token yet"),
        join_sentences(
            _("“{account}” had no token, so every check was refused.").format(
                account=evidence.name
            ),
            also,
        ),
        _("Generate one on the account page, paste it into the console and press Submit (提交)."),
        (account,) if account else (),
    )
