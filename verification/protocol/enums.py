"""The enumerations of the domain.

Their numbers are stored and sealed, so you can add members, but never renumber them.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag


class Term(IntEnum):
    """An enumeration whose number is stored, and whose label is in logs and exports."""

    @property
    def label(self) -> str:
        """Return the spelling in logs and exports, such as ``url_verification``."""
        return self.name.lower()


class Platform(Term):
    """Which of WeChat's platforms an account is on, and so how its calls are signed."""

    OFFICIAL_ACCOUNT = 1
    MINI_PROGRAM = 2
    WECOM = 3


class Kind(Term):
    """The purpose of a callback."""

    URL_VERIFICATION = 1
    MESSAGE_PUSH = 2
    SELF_TEST = 3


class Method(Term):
    """The HTTP method. OTHER stands for all that are not listed."""

    OTHER = 0
    GET = 1
    POST = 2
    HEAD = 3
    PUT = 4
    PATCH = 5
    DELETE = 6
    OPTIONS = 7
    TRACE = 8
    CONNECT = 9

    @property
    def label(self) -> str:
        """Return the spelling of HTTP, such as ``GET``."""
        return self.name


class Outcome(Term):
    ACCEPTED = 1
    REFUSED = 2


class Reason(Term):
    """Why a callback was refused."""

    SIGNATURE_MISMATCH = 1
    UNKNOWN_ACCOUNT = 2
    PAUSED_ACCOUNT = 3
    NO_TOKEN = 4
    MISSING_PARAMETER = 5
    REPEATED_PARAMETER = 6
    MALFORMED_PARAMETER = 7
    METHOD_NOT_ALLOWED = 8
    UNDECRYPTABLE_TOKEN = 9  #: so the signature could not be compared with every token
    MESSAGE_SIGNATURE_MISMATCH = 10  #: msg_signature does not cover the encrypted message
    UNDECRYPTABLE_MESSAGE = 11  #: the account's EncodingAESKey does not decrypt the message
    MIXED = 12  #: of a row that combines unlike refusals of a flood


class Mark(IntFlag):
    """Facts about a request, stored as flags in one small integer."""

    HTTPS = 1
    HTTP_1_0 = 2
    MSG_SIGNATURE = 4  #: either alone, or for an encrypted message
    ENCRYPTED = 8  #: by encrypt_type, which WeCom does not send
    EMPTY_TOKEN = 16  #: refused, and signed with an empty token, as probes do


#: The marks of which a WeCom call has only the first one.
_OF_ENCRYPTION = Mark.MSG_SIGNATURE | Mark.ENCRYPTED


def is_wecom_call(marks: int) -> bool:
    """Return whether these are the marks of a call that is signed as WeCom's are.

    It has msg_signature, and neither signature nor encrypt_type.
    """
    return marks & _OF_ENCRYPTION == Mark.MSG_SIGNATURE


class DeliveryResult(Term):
    """How the delivery of a message push to a backend ended."""

    UNKNOWN = -1  #: never stored: stands for a number that only a newer release knows
    DELIVERED = 1
    UNUSABLE_REPLY = 2  #: the backend has taken the message, but its reply cannot go to a follower
    CONNECTION_REFUSED = 3
    NAME_NOT_FOUND = 4
    TIMEOUT = 5
    TLS_FAILED = 6
    CONNECTION_LOST = 7
    NOT_HTTP = 8
    REDIRECT = 9
    CLIENT_ERROR = 10  #: a status 4xx that would be the same the next time
    SERVER_ERROR = 11  #: any other status
    REPLY_TOO_LARGE = 12
    FORBIDDEN_ADDRESS = 13  #: the host has an address that a backend must not have
    BUSY = 14  #: too many messages of the account are on their way
    REPLAYED = 15  #: too many pushes with one signature
    LOOP = 16  #: a push that this gateway itself has forwarded
    SPOOL_FULL = 17
    KEY_MISSING = 18  #: a waiting message that no key of TOKEN_ENCRYPTION_KEYS decrypts
    #: The backend gets messages decrypted, and no EncodingAESKey of the account decrypts this one.
    NOT_DECRYPTED = 19

    @classmethod
    def _missing_(cls, value: object) -> DeliveryResult:
        """Return UNKNOWN, so that the numbers of a newer release can be read after a roll-back."""
        return cls.UNKNOWN
