"""Causes found by trying mistakes with every stored value: slips, other values, other recipes."""

from __future__ import annotations

from collections.abc import Collection

from django.utils.translation import gettext as _

from verification.diagnosis.evidence import Evidence, Explanation
from verification.diagnosis.missing_keys import add_missing_key
from verification.diagnosis.names import join_sentences, name_accounts
from verification.diagnosis.recipes import describe_deviation, fix_deviation
from verification.diagnosis.search import Match
from verification.diagnosis.slips import Slip, describe_slip
from verification.diagnosis.values import Kind, Value, describe_value, name_of
from verification.models import OfficialAccount, Token

#: What a stranger may try as the token, who knows nothing but the address.
GUESSABLE = {Kind.PLACEHOLDER, Kind.SLUG, Kind.NAME, Kind.SERVER_URL, Kind.APP_ID}
#: Slips after which WeChat's console would not take the token.
NOT_FROM_CONSOLE = {
    *(Slip.SPACE, Slip.LINE_BREAK, Slip.TAB, Slip.BOM, Slip.INVISIBLE, Slip.QUOTES),
    *(Slip.LABEL, Slip.PUNCTUATION, Slip.FULL_WIDTH, Slip.FOREIGN_LETTER),
}


def other_value_for_token(evidence: Evidence) -> Explanation | None:
    """Recognize another stored value that was used as the token."""
    match = evidence.match
    if match is None or match.value.kind is Kind.TOKEN:
        return None
    return _explain(
        evidence, match, _("{name} in place of the token").format(name=name_of(match.value))
    )


def signed_differently(evidence: Evidence) -> Explanation | None:
    """Recognize a script that signs in another way than WeChat does."""
    match = evidence.match
    if match is None or match.deviation is None:
        return None
    summary = _("signature {mistakes}").format(mistakes=describe_deviation(match.deviation))
    return _explain(evidence, match, summary)


def token_mistyped(evidence: Evidence) -> Explanation | None:
    """Recognize a token that was typed or pasted with a mistake."""
    match = evidence.match
    if match is None:
        return None
    return _explain(evidence, match, _("token {mistakes}").format(mistakes=_mistakes_of(match)))


def _explain(evidence: Evidence, match: Match, summary: str) -> Explanation:
    owners = owners_of(evidence, match.value)
    called = evidence.attempt.account
    others = [owner for owner in owners if owner != called]
    if called is not None and owners and called not in owners:
        summary = _("{summary} ({accounts})").format(
            summary=summary, accounts=name_accounts(owners)
        )
    return add_missing_key(
        evidence,
        Explanation(
            summary,
            join_sentences(describe_match(match, owners), place_of(evidence, owners)),
            advise(evidence, match, owners),
            (*([called] if called else []), *others),
            depends_on_tokens=True,
        ),
    )


def describe_match(match: Match, owners: Collection[OfficialAccount]) -> str:
    """Return the sentence that says what the request was signed with, and what was wrong."""
    value, mistakes = describe_value(match.value, name_accounts(owners)), _mistakes_of(match)
    if not mistakes:
        return _("This was signed with {value}.").format(value=value)
    return _("This was signed with {value}, but {mistakes}.").format(value=value, mistakes=mistakes)


def _mistakes_of(match: Match) -> str:
    mistakes = [describe_slip(slip) for slip in match.slips]
    if match.deviation:
        mistakes.append(describe_deviation(match.deviation))
    return _(" and ").join(mistakes)


def describe_signers(tokens: Collection[Token]) -> str:
    """Return the sentence that says which token the request was signed with, and whose it is."""
    owners = sorted({token.account for token in tokens}, key=str)
    some = next(iter(tokens))
    value = describe_value(Value(Kind.TOKEN, "", some.account, some), name_accounts(owners))
    return _("This was signed with {value}.").format(value=value)


def owners_of(evidence: Evidence, value: Value) -> list[OfficialAccount]:
    """Return every account that has this value."""
    if value.account is None:
        return []
    same = (
        other.account
        for other in evidence.stored.search.values
        if other.kind is value.kind and other.text == value.text and other.account
    )
    return sorted(set(same), key=str)


def place_of(evidence: Evidence, owners: Collection[OfficialAccount]) -> str:
    """Return the sentence that says where it was sent, if that was wrong as well."""
    attempt = evidence.attempt
    if attempt.account is None and attempt.path_slug:
        return join_sentences(
            _("No account has the address “{path}”.").format(path=attempt.path),
            describe_odd_path(evidence),
        )
    if attempt.account is not None and owners and attempt.account not in owners:
        return _("The URL belongs to “{own}”.").format(own=attempt.account)
    if not attempt.path_slug and owners and not any(a.answers_at_root for a in owners):
        return _("{accounts} does not accept calls at the bare domain.").format(
            accounts=name_accounts(owners)
        )
    return ""


def describe_odd_path(evidence: Evidence) -> str:
    """Return the sentence that says what is odd about a path that no account has, if it is known.

    Something stands before an account's path, or it has characters that no path has.
    """
    path = evidence.attempt.path
    meant = evidence.stored.accounts.get(evidence.attempt.meant_slug)
    if meant is not None and path.endswith(meant.server_path) and path != meant.server_path:
        return _(
            "It has “{prefix}” before the path: remove that from the server URL in the console, or "
            "let the proxy in front of this server remove it."
        ).format(prefix=path.removesuffix(meant.server_path))
    if "?" in path:
        return _(
            "Each “?” in it stands for a byte that is not ASCII, as in Chinese letters and "
            "punctuation."
        )
    return ""


def advise(evidence: Evidence, match: Match, owners: Collection[OfficialAccount]) -> str:
    """Return what to do about each mistake."""
    called = evidence.attempt.account
    meant = [called] if called is not None else [*owners]
    sentences = []
    if match.value.kind in GUESSABLE and not evidence.is_wechats:
        sentences.append(
            _(
                "If a script or tool of yours sent it, copy the current token of {accounts} from "
                "the account page into it. If it was WeChat, copy it into the console. Otherwise "
                "a stranger guessed, and was refused."
            ).format(accounts=name_accounts(meant) or _("the account"))
        )
    elif (
        match.slips
        or match.value.kind is not Kind.TOKEN
        or match.value.is_retired
        or (called is not None and called not in owners)
    ):
        sentences.append(
            _(
                "Copy the whole current token of {accounts} from the account page, with nothing "
                "around it, into Token (令牌) in the console, or into the script that sent this."
            ).format(accounts=name_accounts(meant) or _("the account"))
        )
    if NOT_FROM_CONSOLE & {*match.slips}:
        sentences.append(
            _(
                "WeChat's console takes letters and digits only, so look first where a script or "
                "tool reads the token."
            )
        )
    if Slip.CASE in match.slips and not evidence.is_wechats:
        sentences.append(_("If it has the token already, it must not change the letters' case."))
    if Slip.LINE_BREAK in match.slips:
        sentences.append(
            _("A shell's echo adds a line break to what it hashes: use printf '%s' or echo -n.")
        )
    if match.deviation:
        sentences.append(
            _("WeChat never signs like this: correct the script or tool that sent it.")
        )
        sentences.append(fix_deviation(match.deviation))
    if called is None and evidence.attempt.path_slug:
        sentences.append(_("Copy the server URL from the account page again."))
    elif called is not None and owners and called not in owners:
        sentences.append(
            _("If {other} was meant, use its own server URL.").format(other=name_accounts(owners))
        )
    return join_sentences(*sentences)


def also_signed(evidence: Evidence) -> str:
    """Return what else is wrong with the signature of a request that was refused before.

    Such as one to a paused account: the signature is not the reason, but will be the next one.
    """
    if not evidence.is_signed:
        return ""
    if evidence.own(evidence.live_signers()):
        return ""
    if evidence.signers:
        return _("Also: {sentence}").format(sentence=describe_signers(evidence.signers))
    if evidence.match:
        owners = owners_of(evidence, evidence.match.value)
        return _("Also: {sentence}").format(sentence=describe_match(evidence.match, owners))
    if evidence.own_undecryptable():
        return ""
    return _("Also: the signature matches no token that is stored here.")
