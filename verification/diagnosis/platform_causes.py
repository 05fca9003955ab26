"""Causes of calls that are signed as another platform signs than the account's."""

from __future__ import annotations

from collections.abc import Collection

from django.utils import timezone
from django.utils.translation import gettext as _

from verification.diagnosis.advice import stranger_tried, try_again
from verification.diagnosis.evidence import Evidence, Explanation
from verification.diagnosis.mistake_causes import describe_signers
from verification.diagnosis.names import join_sentences, name_accounts
from verification.models import OfficialAccount, Token
from verification.protocol.enums import Platform, Reason


def platform_since_changed(evidence: Evidence) -> Explanation | None:
    """Recognize a call that the account's platform of today would have signed."""
    account = _refused_for_platform(evidence)
    if account is None or account.is_wecom != evidence.is_wecom_call:
        return None
    return Explanation(
        _("platform changed later"),
        _(
            "“{account}” had another platform then: it is {platform} now, whose requests are "
            "signed like this."
        ).format(account=account, platform=_describe_platform(account)),
        join_sentences(
            _("If they are missing, enter its EncodingAESKey and its CorpID on its page first.")
            if account.is_wecom
            else "",
            try_again(evidence),
        ),
        (account,),
        depends_on_tokens=True,
    )


def call_of_wecom(evidence: Evidence) -> Explanation | None:
    """Recognize a call of WeCom to an official account or a Mini Program."""
    account = _refused_for_platform(evidence)
    if account is None or not evidence.is_wecom_call:
        return None
    meant = _owners_on_the_platform(evidence)
    if meant:
        to_do = _("Put the server URL of {meant} into WeCom's console: {url}.")
    else:
        to_do = _(
            "If “{account}” is a WeCom app, choose that platform on its page; if the page does not "
            "offer it, add the app as another account. If WeCom's console has this URL for an app "
            "that is not here yet, add that app, and put its server URL there. If a script or tool "
            "of yours sent it, let it send signature."
        )
    return _explain(
        evidence,
        account,
        _("WeCom request"),
        _(
            "This came with msg_signature and without signature, as WeCom (企业微信) sends it, but "
            "“{account}” is {platform}."
        ),
        to_do,
        meant,
    )


def call_to_wecom_app(evidence: Evidence) -> Explanation | None:
    """Recognize a call to a WeCom app that is signed as those to the other platforms."""
    account = _refused_for_platform(evidence)
    if account is None or evidence.is_wecom_call:
        return None
    meant = _owners_on_the_platform(evidence)
    if meant:
        to_do = _("Put the server URL of {meant} into its console: {url}.")
    else:
        to_do = _(
            "If the console of an official account or Mini Program has this URL, put the server "
            "URL of that account there. If “{account}” is one itself, choose its platform on its "
            "page; if the page does not offer it, add it as another account. If a script or tool "
            "of yours sent it, let it sign as WeCom does: msg_signature covers the echostr, or the "
            "text of Encrypt, as well."
        )
    return _explain(
        evidence,
        account,
        _("request for another platform"),
        _(
            "This came with signature, as WeChat calls official accounts and Mini Programs, but "
            "“{account}” is {platform}, whose requests have msg_signature."
        ),
        to_do,
        meant,
    )


def _refused_for_platform(evidence: Evidence) -> OfficialAccount | None:
    """Return the account that was called, if only its platform was the reason.

    A signature that arrived cannot be missing otherwise.
    """
    is_refused = evidence.is_refused_for(Reason.MISSING_PARAMETER) and bool(evidence.signature)
    other_name = "signature" if evidence.is_wecom_call else "msg_signature"
    return evidence.attempt.account if is_refused and evidence.parameter == other_name else None


def _explain(
    evidence: Evidence,
    account: OfficialAccount,
    summary: str,
    what_happened: str,
    what_to_do: str,
    meant: Collection[OfficialAccount],
) -> Explanation:
    signers = evidence.signers
    url = next(iter(meant)).server_url if meant else ""
    return Explanation(
        summary,
        join_sentences(
            what_happened.format(account=account, platform=_describe_platform(account)),
            describe_signers(signers) if signers else "",
        ),
        join_sentences(
            what_to_do.format(account=account, meant=name_accounts(meant), url=url),
            "" if signers else stranger_tried(),
        ),
        (account, *(one for one in meant if one != account)),
        signers[0] if signers else None,
        depends_on_tokens=True,
    )


def _owners_on_the_platform(evidence: Evidence) -> list[OfficialAccount]:
    """Return the accounts whose token signed the call, and whose platform calls like this."""
    owners = {token.account for token in evidence.live_signers()}
    return sorted((one for one in owners if one.is_wecom == evidence.is_wecom_call), key=str)


def other_platform_at_root(evidence: Evidence) -> Explanation | None:
    """Recognize the token of an account that is on another platform, at the bare domain."""
    if evidence.attempt.path_slug or not evidence.is_refused_for(
        Reason.SIGNATURE_MISMATCH, Reason.UNDECRYPTABLE_TOKEN, Reason.UNKNOWN_ACCOUNT
    ):
        return None
    tokens = _live_first(evidence.signers)
    if not tokens or any(one.account.is_wecom == evidence.is_wecom_call for one in tokens):
        return None
    owners = sorted({token.account for token in tokens}, key=str)
    happened = _(
        "The bare domain was called as WeChat calls official accounts and Mini Programs, but with "
        "the token of {accounts}, a WeCom app."
    )
    to_do = _(
        "If that console is WeCom's, a proxy in front of this server changes the query string. "
        "Otherwise put the server URL and the token of the official account or Mini Program into "
        "it; add that account if it is not here yet."
    )
    if evidence.is_wecom_call:
        happened = _(
            "The bare domain was called as WeCom (企业微信) calls it, but with the token of "
            "{accounts}, which is not a WeCom app here."
        )
        to_do = _(
            "If it is one, choose that platform on its page; if the page does not offer it, add "
            "the app as another account. Then put the server URL and the token of the WeCom app "
            "into WeCom's console."
        )
    return Explanation(
        _("request for another platform"),
        happened.format(accounts=name_accounts(owners)),
        to_do,
        tuple(owners),
        tokens[0],
        depends_on_tokens=True,
    )


def _live_first(tokens: list[Token]) -> list[Token]:
    """Return the tokens that are valid now, or all if none is."""
    now = timezone.now()
    return [token for token in tokens if token.is_live_at(now)] or tokens


def _describe_platform(account: OfficialAccount) -> str:
    return {
        Platform.OFFICIAL_ACCOUNT: _("an official account"),
        Platform.MINI_PROGRAM: _("a Mini Program"),
        Platform.WECOM: _("a WeCom app"),
    }[Platform(account.platform)]
