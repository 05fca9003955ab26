"""Causes of what was decrypted, but ends with another AppID, CorpID or SuiteID than the account's.

The account's own token signed it, and its own EncodingAESKey decrypted it. So the id that is stored
here is wrong, or all three of the account's values stand in another account's console.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.translation import gettext as _

from verification.diagnosis.advice import caller_of, try_again
from verification.diagnosis.evidence import Evidence, Explanation
from verification.diagnosis.names import MAX_NAMES, join_sentences, name_accounts, name_id
from verification.models import OfficialAccount
from verification.protocol.encryption import Problem
from verification.protocol.enums import Reason

#: With which only SuiteIDs begin. "dk" is a template (代开发), "tj" is old.
ONLY_SUITES = ("tj", "dk")


def message_for_another_app_id(evidence: Evidence) -> Explanation | None:
    return _explain_other_id(evidence) if evidence.is_push else None


def echostr_for_another_id(evidence: Evidence) -> Explanation | None:
    return None if evidence.is_push else _explain_other_id(evidence)


def _explain_other_id(evidence: Evidence) -> Explanation | None:
    word, _blank, found = evidence.attempt.detail.partition(" ")
    account = evidence.attempt.account
    is_refused = evidence.is_refused_for(Reason.UNDECRYPTABLE_MESSAGE)
    if account is None or word != Problem.RECEIVE_ID or not is_refused:
        return None
    if found in account.receive_ids:
        return _explain_corrected_id(evidence, account, found)
    owners = _owners_of(evidence, account, found)
    happened = _(
        "Token and EncodingAESKey are right, but what was encrypted ends with {found}, not "
        "with {own}."
    )
    if owners:
        happened = _(
            "Token and EncodingAESKey are right, but what was encrypted ends with {found}, the ID "
            "of {owners}, not with {own}."
        )
    if not found:
        happened = _(
            "Token and EncodingAESKey are right, but what was encrypted does not end with {own}, "
            "nor with another ID of the usual form."
        )
    to_do = _advise(evidence, account, found, owners)
    in_script = _(
        "If a script or tool of yours sent it, it must put {own} at the end of what it encrypts."
    )
    own = _name_own_ids(account)
    return Explanation(
        _summarize(evidence),
        happened.format(found=found, own=own, owners=name_accounts(owners)),
        join_sentences(*to_do, in_script.format(own=own)),
        (account, *owners[:MAX_NAMES]),
        depends_on_tokens=True,
    )


def _explain_corrected_id(evidence: Evidence, account: OfficialAccount, found: str) -> Explanation:
    to_do = try_again(evidence)
    if evidence.is_push:
        to_do = _(
            "If a script or tool of yours sent it, send it again. If {caller} sent it, check "
            "that messages were accepted since."
        ).format(caller=caller_of(evidence))
    return Explanation(
        _summarize(evidence),
        _(
            "What was encrypted ends with {found}, which “{account}” has now. It had another ID "
            "then."
        ).format(found=found, account=account),
        to_do,
        (account,),
        depends_on_tokens=True,
    )


def _advise(
    evidence: Evidence, account: OfficialAccount, found: str, owners: Sequence[OfficialAccount]
) -> list[str]:
    """Return what to do, the likeliest first."""
    texts = {
        "account": account,
        "found": found,
        "id_name": name_id(is_wecom=evidence.is_wecom),
        "caller": caller_of(evidence),
        "stored": account.app_id,
        "owner": owners[0] if owners else "",
        "url": owners[0].server_url if owners else "",
    }
    if not found and evidence.is_wecom:
        sentences = [
            _(
                "A bot (智能机器人) and an app of an individual developer (个人主体) send no ID, "
                "and cannot be used with this server. If one of them has this URL, remove it "
                "there. Otherwise compare the CorpID (企业ID) on the account's page; a third-party "
                "app (第三方应用) needs its SuiteID there as well."
            )
        ]
    elif not found:
        sentences = [
            _("If {caller} sent it, compare the AppID on the account's page with the console.")
        ]
    elif any(found.lower() == own.lower() for own in account.receive_ids):
        sentences = [
            _(
                "Only capital letters differ. Correct the ID on the page of “{account}”: "
                "{caller} has {found}."
            )
        ]
    else:
        sentences = [
            *(_advise_suite(evidence, account, found) if evidence.is_wecom else [_correct()]),
            _if_it_is_anothers(owners),
        ]
    return [sentence.format(**texts) for sentence in sentences]


def _advise_suite(evidence: Evidence, account: OfficialAccount, found: str) -> list[str]:
    """Return what to do if the account is a third-party app, whose checks and events differ.

    WeCom's checks end with the provider's CorpID, its events with the SuiteID, and the messages of
    数据回调URL with the customer's CorpID.
    """
    is_suite_id = found.startswith(ONLY_SUITES)
    if not evidence.is_push and not is_suite_id:
        if account.suite_id:
            return [_correct()]
        if account.app_id.startswith(ONLY_SUITES):
            return [
                _(
                    "{stored} is a SuiteID: on the page of “{account}”, move it to SuiteID, and "
                    "enter the provider's CorpID instead. If WeCom sent this, that is {found}."
                )
            ]
        return [
            _correct(),
            _("If {stored} is the SuiteID of a third-party app (第三方应用), move it to SuiteID."),
        ]
    enter = _(
        "If {found} is the SuiteID of “{account}”, a third-party app (第三方应用), enter it as "
        "SuiteID on the account's page."
    )
    if account.suite_id:
        enter = _(
            "If {found} is the SuiteID of “{account}”, correct the SuiteID on the account's page."
        )
    if is_suite_id:
        return [enter]
    of_customer = _(
        "If it is a customer's CorpID, the console has this URL as 数据回调URL: put another URL "
        "there."
    )
    if account.suite_id:
        return [of_customer, enter]
    return [enter, _correct(), of_customer]


def _correct() -> str:
    return _(
        "If {caller} sent it for “{account}”, correct the {id_name} on the account's page: "
        "{caller} has {found}."
    )


def _if_it_is_anothers(owners: Sequence[OfficialAccount]) -> str:
    """Return what to do about the console of another account; many apps may have one CorpID."""
    if len(owners) == 1:
        return _(
            "If it was for “{owner}”, put the server URL, token and EncodingAESKey of that account "
            "into its console: {url}."
        )
    return _(
        "If another account's console has this URL, token and EncodingAESKey, give that account "
        "its own."
    )


def _owners_of(evidence: Evidence, account: OfficialAccount, found: str) -> list[OfficialAccount]:
    """Return the other accounts of the platform that have this ID."""
    accounts = evidence.stored.accounts.values()
    return sorted(
        (
            one
            for one in accounts
            if one.pk != account.pk
            and one.is_wecom == account.is_wecom
            and found in one.receive_ids
        ),
        key=str,
    )


def _name_own_ids(account: OfficialAccount) -> str:
    """Return the IDs with which what is encrypted for the account ends."""
    if account.app_id and account.suite_id:
        return _("the CorpID {corp_id} or the SuiteID {suite_id}").format(
            corp_id=account.app_id, suite_id=account.suite_id
        )
    if not account.receive_ids:
        return _("the account's ID")
    return _("the {id_name} {id}").format(
        id_name=name_id(is_wecom=account.is_wecom), id=account.receive_ids[0]
    )


def _summarize(evidence: Evidence) -> str:
    return _("another CorpID or SuiteID") if evidence.is_wecom else _("message for another AppID")
