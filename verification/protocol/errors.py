"""Errors for callbacks that cannot be judged. Each has the values that are recorded with it."""

from __future__ import annotations

from verification.protocol.enums import Reason


class CallbackError(Exception):
    """The callback is invalid, whatever its token."""

    reason: Reason
    status = 400

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail)
        #: The name of the invalid parameter, at most 32 characters; empty if there is none. The
        #: shape of the mistake may follow it.
        self.detail = detail


class MissingParameter(CallbackError):
    reason = Reason.MISSING_PARAMETER


class RepeatedParameter(CallbackError):
    reason = Reason.REPEATED_PARAMETER


class MalformedParameter(CallbackError):
    reason = Reason.MALFORMED_PARAMETER


class MethodNotAllowed(CallbackError):
    reason = Reason.METHOD_NOT_ALLOWED
    status = 405
