"""Names in what a signature was made otherwise than WeChat makes it, and what to change."""

from __future__ import annotations

from enum import Enum, auto

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy


class Deviation(Enum):
    """A step of signing that was done in another way."""

    NOT_SORTED = auto()
    SORTED_AS_NUMBERS = auto()
    SORTED_CHARACTERS = auto()
    SEPARATOR = auto()
    ECHOSTR = auto()
    WITHOUT_ECHOSTR = auto()
    OTHER_ECHOSTR = auto()
    HMAC = auto()
    OTHER_TIMESTAMP = auto()
    OTHER_SECOND = auto()
    OTHER_NONCE = auto()
    PART_LEFT_OUT = auto()
    OTHER_DIGEST = auto()
    OTHER_ENCODING = auto()
    MORE_PARTS = auto()


#: What was otherwise, as it follows “but”.
DESCRIPTIONS = {
    Deviation.NOT_SORTED: gettext_lazy("with the parts in another order than WeChat's"),
    Deviation.SORTED_AS_NUMBERS: gettext_lazy(
        "with the parts sorted as numbers or from the last to the first, not as text"
    ),
    Deviation.SORTED_CHARACTERS: gettext_lazy("with the single characters sorted, not the parts"),
    Deviation.SEPARATOR: gettext_lazy(
        "with a separator, brackets, a line break or names between or around the parts"
    ),
    Deviation.ECHOSTR: gettext_lazy("with the echostr hashed as well, as only WeCom does"),
    Deviation.WITHOUT_ECHOSTR: gettext_lazy("without the echostr, which WeCom signs as well"),
    Deviation.OTHER_ECHOSTR: gettext_lazy(
        "with the echostr in another form than it was sent, such as percent-encoded"
    ),
    Deviation.HMAC: gettext_lazy("with HMAC in place of a plain SHA-1"),
    Deviation.OTHER_TIMESTAMP: gettext_lazy(
        "with the timestamp in another unit or form than it was sent, such as milliseconds"
    ),
    Deviation.OTHER_SECOND: gettext_lazy("with the timestamp of another second than it was sent"),
    Deviation.OTHER_NONCE: gettext_lazy(
        "with another nonce than the one that arrived: it was cut, lengthened or encoded"
    ),
    Deviation.PART_LEFT_OUT: gettext_lazy("without the timestamp or the nonce"),
    Deviation.OTHER_DIGEST: gettext_lazy(
        "with another hash function than SHA-1, or hashed or encoded twice"
    ),
    Deviation.OTHER_ENCODING: gettext_lazy("with another encoding of the text than UTF-8"),
    Deviation.MORE_PARTS: gettext_lazy(
        "with more parts than token, timestamp and nonce, such as the AppID"
    ),
}


def describe_deviation(deviation: Deviation) -> str:
    return str(DESCRIPTIONS[deviation])


def fix_deviation(deviation: Deviation | None, *, is_wecom: bool = False) -> str:
    """Return what to change in the script."""
    if deviation is Deviation.OTHER_TIMESTAMP:
        return _("Sign the same timestamp that you send, in seconds.")
    if deviation is Deviation.OTHER_SECOND:
        return _("Read the clock once for each request: sign the same timestamp that you send.")
    if deviation is Deviation.OTHER_NONCE:
        return _(
            "Sign the plain nonce, percent-encode it only in the URL, and see that nothing changes "
            "the URL after."
        )
    if is_wecom:
        return _(
            "Sort token, timestamp, nonce and the plain echostr as text, join them with nothing "
            "between, and hash them once with SHA-1. Percent-encode the echostr only in the URL."
        )
    if deviation in {Deviation.NOT_SORTED, Deviation.SORTED_AS_NUMBERS}:
        return _(
            "Sort token, timestamp and nonce as text, byte by byte: in a shell by LC_ALL=C sort, "
            "in PHP by SORT_STRING. Join them with nothing between."
        )
    if deviation is Deviation.ECHOSTR:
        return _("Leave the echostr out of the signature.")
    if deviation is Deviation.SEPARATOR:
        return _(
            "Sort token, timestamp and nonce as text and join them with nothing between, before, "
            "or after them. In a shell, use printf '%s': echo adds a line break, and some print "
            "-n as well."
        )
    return _(
        "Sort token, timestamp and nonce as text, join them with nothing between, and hash them "
        "once with SHA-1, in UTF-8."
    )
