"""Why a callback cannot even be judged. Each error carries what the record needs."""

from __future__ import annotations

from verification.protocol.enums import Reason


class CallbackError(Exception):
    """A callback that no token could make acceptable."""

    reason: Reason
    status = 400

    def __init__(self, detail: str = "") -> None:
        super().__init__(detail)
        #: Which parameter it was, at most 32 characters; empty where it is none.
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
