"""Causes found by trying mistakes with every stored value: slips, other values, other recipes."""

from __future__ import annotations

from collections.abc import Collection

from django.utils.translation import gettext as _

from verification.diagnosis.advice import caller_of, check_path
from verification.diagnosis.deviations import describe_deviation, fix_deviation
from verification.diagnosis.evidence import Evidence, Explanation
from verification.diagnosis.missing_keys import add_missing_key
from verification.diagnosis.names import join_sentences, name_accounts
from verification.diagnosis.slips import Slip, describe_slip
from verification.diagnosis.texts import Match
from verification.diagnosis.values import Kind, Value, describe_value, name_of
from verification.models import OfficialAccount, Token

#: What a stranger may try as the token, who knows nothing but the address.
GUESSABLE = {
    *(Kind.PLACEHOLDER, Kind.SLUG, Kind.NAME, Kind.SERVER_URL, Kind.APP_ID, Kind.SUITE_ID),
}
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
        return describe_path(evidence, owners)
    if attempt.account is not None and owners and attempt.account not in owners:
        return _("The URL belongs to “{own}”.").format(own=attempt.account)
    if not attempt.path_slug and owners and not any(a.answers_at_root for a in owners):
        return _("{accounts} does not accept calls at the bare domain.").format(
            accounts=name_accounts(owners)
        )
    return ""


def describe_path(evidence: Evidence, owners: Collection[OfficialAccount] = ()) -> str:
    """Return that no account has this path, and what it is near to.

    Only an account that is not one of the `owners` of the token is named.
    """
    path = evidence.attempt.path
    sentences = [_("No account has the address “{path}”.").format(path=path)]
    for near in evidence.nearest_accounts:
        if near not in owners:
            nearest = _("The nearest is “{path}” of “{account}”.")
            sentences.append(nearest.format(path=near.server_path, account=near))
        if evidence.stored.current_token(near) is None:
            sentences.append(
                _("“{account}” has no token yet: generate one on its page.").format(account=near)
            )
    return join_sentences(*sentences, describe_odd_path(evidence))


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
    if "%20" in path:
        return _("It has a space, shown as %20: remove it where this address was entered.")
    if "?" in path:
        return _(
            "Each “?” in it stands for a byte that is not ASCII, as in Chinese letters and "
            "punctuation."
        )
    return ""


def advise(evidence: Evidence, match: Match, owners: Collection[OfficialAccount]) -> str:
    """Return what to do about each mistake."""
    called, slips = evidence.attempt.account, {*match.slips}
    is_others = called is not None and bool(owners) and called not in owners
    is_own_token = match.value.kind is Kind.TOKEN and not match.value.is_retired
    is_wrong = bool(slips) or not is_own_token or (called is not None and called not in owners)
    is_guess = match.value.kind in GUESSABLE and not evidence.is_wechats
    rules = [
        (is_guess or is_wrong, advise_to_copy(is_guess)),
        (
            bool(NOT_FROM_CONSOLE & slips),
            _(
                "The console takes letters and digits only, so look first where a script or tool "
                "reads the token."
            ),
        ),
        (
            bool(slips) and is_own_token and not is_others and not evidence.is_wechats,
            _(
                "If a script has the right token already, something changes it before it is "
                "hashed, such as the letters' case."
            ),
        ),
        (
            Slip.LINE_BREAK in slips,
            _("A shell's echo adds a line break to what it hashes: use printf '%s'."),
        ),
        (
            match.deviation is not None,
            _("{caller} never signs like this: correct the script or tool that sent it."),
        ),
        (
            match.deviation is not None,
            fix_deviation(match.deviation, is_wecom=evidence.is_wecom_call),
        ),
        (called is None and bool(evidence.attempt.path_slug), check_path()),
        (is_others, _("If {other} was meant, use its own server URL.")),
    ]
    accounts = name_accounts([called] if called else owners) or _("the account")
    return join_sentences(
        *(
            text.format(accounts=accounts, other=name_accounts(owners), caller=caller_of(evidence))
            for applies, text in rules
            if applies
        )
    )


def advise_to_copy(is_guess: bool) -> str:
    """Return where to copy the token of {accounts} to. A guess may be a stranger's."""
    if is_guess:
        return _(
            "If a script or tool of yours sent it, copy the current token of {accounts} from the "
            "account page into it. If it was {caller}, copy it into the console. Otherwise a "
            "stranger guessed, and was refused."
        )
    return _(
        "Copy the whole current token of {accounts} from the account page, with nothing around "
        "it, into Token (令牌) in the console, or into the script that sent this."
    )


def also_signed(evidence: Evidence) -> str:
    """Return what else is wrong with the signature of a request that was refused before.

    Such as one to a paused account: the signature is not the reason, but will be the next one.
    """
    found = describe_signature(evidence)
    return _("Also: {sentence}").format(sentence=found[0].lower() + found[1:]) if found else ""


def describe_signature(evidence: Evidence) -> str:
    """Return what the request was signed with, unless with the right token."""
    if not evidence.is_signed or evidence.own(evidence.live_signers()):
        return ""
    if evidence.signers:
        return describe_signers(evidence.signers)
    if evidence.match:
        return describe_match(evidence.match, owners_of(evidence, evidence.match.value))
    return "" if evidence.own_undecryptable() else matches_nothing()


def matches_nothing() -> str:
    return _("The signature matches no token that is stored here.")
