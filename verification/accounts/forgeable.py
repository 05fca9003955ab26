"""Says which refusals somebody without a token can bring about."""

from __future__ import annotations

from verification.diagnosis import Explanation

#: The causes that anyone who knows the address can bring about. The account's AppID, original ID
#: and slug are no secrets, and an old request can be copied from a log.
CAUSES_WITHOUT_TOKEN = {
    *("token_unknown", "no_token_yet", "key_missing", "other_value_for_token", "copied_request"),
    *("call_of_wecom", "call_to_wecom_app", "platform_since_changed", "wecom_message_mismatch"),
    *("echostr_with_spaces", "echostr_damaged", "query_mangled", "parameter_malformed"),
    "wecom_message_unreadable",
}
#: The causes of refusals whose signature is right, and can have been copied from a log. The
#: characters of what is signed, divided in another place, make those of scripts, and an echostr
#: that cannot be decrypted.
CAUSES_WITH_COPIED_URL = {
    *("message_unreadable", "message_not_encrypted", "message_signature_mismatch"),
    *("signed_differently", "echostr_changed", "echostr_undecryptable"),
}


def needs_no_token(explanation: Explanation) -> bool:
    """Return whether anyone who knows the address can have sent such a request."""
    return explanation.cause in CAUSES_WITHOUT_TOKEN


def is_forgeable(explanation: Explanation) -> bool:
    """Return whether someone without a token can have sent such a request.

    Other causes take a token that is or was stored here.
    """
    return explanation.cause in CAUSES_WITHOUT_TOKEN | CAUSES_WITH_COPIED_URL
