"""Explains why an attempt ended as it did and what to do, based on the tokens stored now.

Explanations are never shown to the caller. They name the account, the date and the person, and
never a computed signature. .github/CONTRIBUTING.md says how to add a cause.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from verification.diagnosis import (
    accepted_causes,
    account_causes,
    changed_echostr_causes,
    copy_causes,
    echostr_causes,
    id_causes,
    message_causes,
    mistake_causes,
    platform_causes,
    remarks,
    request_causes,
    shape_causes,
    token_causes,
)
from verification.diagnosis.evidence import Evidence, Explanation, Remark
from verification.diagnosis.stored_data import StoredData
from verification.models import VerificationAttempt
from verification.protocol.enums import Reason

__all__ = ["Explanation", "Remark", "StoredData", "explain", "remark_on"]

#: The most certain cause first. The last one always fits.
CAUSES: list[Callable[[Evidence], Explanation | None]] = [
    accepted_causes.own_test_accepted,
    accepted_causes.accepted_with_previous_token,
    accepted_causes.accepted_before_rotation,
    accepted_causes.accepted,
    request_causes.unlike_requests,
    request_causes.method_not_allowed,
    platform_causes.platform_since_changed,
    platform_causes.call_of_wecom,
    platform_causes.call_to_wecom_app,
    request_causes.signed_with_empty_token,
    shape_causes.path_with_parameters,
    changed_echostr_causes.echostr_changed,
    changed_echostr_causes.echostr_with_spaces,
    shape_causes.query_mangled,
    shape_causes.signature_malformed,
    shape_causes.domain_file,
    shape_causes.browser_redirect,
    request_causes.parameters_missing,
    request_causes.parameters_incomplete,
    request_causes.parameter_repeated,
    request_causes.query_too_long,
    echostr_causes.echostr_fits_now,
    echostr_causes.echostr_without_key,
    echostr_causes.echostr_key_missing,
    id_causes.echostr_for_another_id,
    echostr_causes.echostr_of_another_key,
    echostr_causes.echostr_undecryptable,
    message_causes.wecom_message_unreadable,
    message_causes.message_unreadable,
    message_causes.message_not_encrypted,
    message_causes.message_signature_mismatch,
    id_causes.message_for_another_app_id,
    message_causes.message_undecryptable,
    request_causes.parameter_malformed,
    account_causes.account_paused,
    copy_causes.copied_request,
    platform_causes.other_platform_at_root,
    account_causes.account_not_at_root,
    token_causes.key_was_missing,
    token_causes.token_since_added,
    token_causes.token_fits_today,
    account_causes.no_account_at_root,
    account_causes.path_since_added,
    account_causes.path_mistyped,
    account_causes.no_token_yet,
    token_causes.token_retired,
    token_causes.token_of_another_account,
    account_causes.path_of_former_slug,
    mistake_causes.other_value_for_token,
    mistake_causes.signed_differently,
    mistake_causes.token_mistyped,
    account_causes.path_unknown,
    token_causes.key_missing,
    copy_causes.signature_reused,
    message_causes.wecom_message_mismatch,
    changed_echostr_causes.echostr_damaged,
    token_causes.token_unknown,
]
#: An attempt has one cause, and any number of these remarks, in this order.
REMARKS: list[Callable[[Evidence], Remark | None]] = [
    remarks.repeat,
    remarks.clock_off,
    remarks.not_wechats_user_agent,
    remarks.came_over_http,
    remarks.came_to_another_host,
    remarks.slow_answer,
    remarks.console_may_complain,
]


def explain(attempt: VerificationAttempt, stored: StoredData | None = None) -> Explanation:
    """Return the explanation of the first cause that fits.

    To explain many attempts, pass the same `stored`, so that each table is read once and the search
    for mistakes is bounded.
    """
    evidence = Evidence(attempt, stored or StoredData(is_list=False))
    explanations = ((cause.__name__, cause(evidence)) for cause in CAUSES)
    return next(replace(found, cause=name) for name, found in explanations if found)


def remark_on(attempt: VerificationAttempt) -> list[Remark]:
    """Return what else is unusual about the attempt; nothing about one of many unlike requests.

    Queries the database for each attempt, so do not call this for every row of a list.
    """
    if attempt.reason == Reason.MIXED:
        return []
    evidence = Evidence(attempt, StoredData())
    remarks = ((make_remark.__name__, make_remark(evidence)) for make_remark in REMARKS)
    return [replace(remark, name=name) for name, remark in remarks if remark]
