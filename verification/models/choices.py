"""The choices of model fields, with translated labels for the members of protocol.enums."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from verification.protocol.enums import DeliveryResult, Kind, Method, Outcome, Platform, Reason

PLATFORM_CHOICES = [
    (Platform.OFFICIAL_ACCOUNT.value, _("Official account")),
    (Platform.MINI_PROGRAM.value, _("Mini Program")),
    (Platform.WECOM.value, _("WeCom app")),
]
#: Who calls the server URLs of each platform.
CALLERS = {
    Platform.OFFICIAL_ACCOUNT.value: _("WeChat"),
    Platform.MINI_PROGRAM.value: _("WeChat"),
    Platform.WECOM.value: _("WeCom"),
}
#: Who writes to the accounts of each platform.
PEOPLE = {
    Platform.OFFICIAL_ACCOUNT.value: _("followers"),
    Platform.MINI_PROGRAM.value: _("users"),
    Platform.WECOM.value: _("members"),
}
#: What each platform calls the id with which it ends what it encrypts.
ID_NAMES = {
    Platform.OFFICIAL_ACCOUNT.value: _("AppID"),
    Platform.MINI_PROGRAM.value: _("AppID"),
    Platform.WECOM.value: _("CorpID"),
}
#: The button of each console that saves the server URL, after a call that verifies it.
SUBMIT_BUTTONS = {
    Platform.OFFICIAL_ACCOUNT.value: _("Submit (提交)"),
    Platform.MINI_PROGRAM.value: _("Submit (提交)"),
    Platform.WECOM.value: _("Save (保存)"),
}
KIND_CHOICES = [
    (Kind.URL_VERIFICATION.value, _("URL verification")),
    (Kind.MESSAGE_PUSH.value, _("Message push")),
    (Kind.SELF_TEST.value, _("Self-test")),
]
OUTCOME_CHOICES = [
    (Outcome.ACCEPTED.value, _("Accepted")),
    (Outcome.REFUSED.value, _("Refused")),
]
REASON_CHOICES = [
    (Reason.SIGNATURE_MISMATCH.value, _("Signature mismatch")),
    (Reason.UNKNOWN_ACCOUNT.value, _("Unknown account")),
    (Reason.PAUSED_ACCOUNT.value, _("Paused account")),
    (Reason.NO_TOKEN.value, _("No token")),
    (Reason.MISSING_PARAMETER.value, _("Missing parameter")),
    (Reason.REPEATED_PARAMETER.value, _("Repeated parameter")),
    (Reason.MALFORMED_PARAMETER.value, _("Malformed parameter")),
    (Reason.METHOD_NOT_ALLOWED.value, _("Method not allowed")),
    (Reason.UNDECRYPTABLE_TOKEN.value, _("Undecryptable token")),
    (Reason.MESSAGE_SIGNATURE_MISMATCH.value, _("Message signature mismatch")),
    (Reason.UNDECRYPTABLE_MESSAGE.value, _("Undecryptable message")),
    (Reason.MIXED.value, _("Mixed reasons")),
]
METHOD_CHOICES = [(method.value, method.name) for method in Method]
DELIVERY_RESULT_CHOICES = [
    (DeliveryResult.DELIVERED.value, _("Delivered")),
    (DeliveryResult.UNUSABLE_REPLY.value, _("Unusable reply")),
    (DeliveryResult.CONNECTION_REFUSED.value, _("Connection refused")),
    (DeliveryResult.NAME_NOT_FOUND.value, _("Name not found")),
    (DeliveryResult.TIMEOUT.value, _("No answer in time")),
    (DeliveryResult.TLS_FAILED.value, _("No secure connection")),
    (DeliveryResult.CONNECTION_LOST.value, _("Connection lost")),
    (DeliveryResult.NOT_HTTP.value, _("Answer is not HTTP")),
    (DeliveryResult.REDIRECT.value, _("Redirect")),
    (DeliveryResult.CLIENT_ERROR.value, _("Refused by the backend")),
    (DeliveryResult.SERVER_ERROR.value, _("Error of the backend")),
    (DeliveryResult.REPLY_TOO_LARGE.value, _("Reply too large")),
    (DeliveryResult.FORBIDDEN_ADDRESS.value, _("Forbidden address")),
    (DeliveryResult.BUSY.value, _("Too many at a time")),
    (DeliveryResult.REPLAYED.value, _("Signature used too often")),
    (DeliveryResult.LOOP.value, _("Loop")),
    (DeliveryResult.SPOOL_FULL.value, _("Spool full")),
    (DeliveryResult.KEY_MISSING.value, _("Encryption key missing")),
    (DeliveryResult.NOT_DECRYPTED.value, _("Message not decrypted")),
]
