"""Says what to do in sentences that several causes share."""

from __future__ import annotations

from django.utils.translation import gettext as _

from verification.diagnosis.evidence import Evidence
from verification.diagnosis.names import join_sentences, name_button, name_caller
from verification.protocol.enums import Mark


def try_again(evidence: Evidence) -> str:
    """Return how to send a request again that would be accepted now."""
    if evidence.is_wechats:
        return _("Press {button} again.").format(button=button_of(evidence))
    return _("Send it again. In the console, press {button}.").format(button=button_of(evidence))


def use_current_token(evidence: Evidence) -> str:
    """Return where the current token belongs, in place of an older one."""
    if evidence.is_wechats:
        return _("Paste the current token into the console and press {button}.").format(
            button=button_of(evidence)
        )
    return _(
        "If a script or tool of yours sent it, put the current token there. If it was {caller}, "
        "paste the current token into the console and press {button}."
    ).format(caller=caller_of(evidence), button=button_of(evidence))


def check_signing(evidence: Evidence) -> str:
    """Return what to compare in a script, if nothing that is stored made the signature."""
    if evidence.is_wecom_call:
        return _(
            "A script must sort token, timestamp, nonce and the encrypted text as text, join them "
            "with nothing between, hash them once with SHA-1, and send the values that it signs. "
            "The encrypted text is that of the echostr, before it is percent-encoded, or of "
            "Encrypt."
        )
    how_to_sign = _(
        "A script must sort token, timestamp and nonce as text, join them with nothing between, "
        "hash them once with SHA-1, and send the timestamp and nonce that it signs. Print the text "
        "that it hashes: quotation marks, spaces, line breaks and letters in another case change "
        "the signature."
    )
    if not evidence.is_push or not evidence.attempt.marks & Mark.MSG_SIGNATURE:
        return how_to_sign
    # The message is not on record, so this cannot be compared.
    return join_sentences(
        how_to_sign,
        _("Only msg_signature covers the text of Encrypt: do not send its value as signature."),
    )


def check_path() -> str:
    """Return how to mend a path that no account has, although the account is known."""
    return _(
        "Compare the server URL in the console or script with the one on the account page. If they "
        "are the same, a proxy in front of this server changes the path: with nginx, proxy_pass "
        "must not end with a slash."
    )


def button_of(evidence: Evidence) -> str:
    return name_button(is_wecom=evidence.is_wecom)


def caller_of(evidence: Evidence) -> str:
    return name_caller(is_wecom=evidence.is_wecom)


def stranger_tried() -> str:
    return _("Otherwise a stranger tried, and was refused.")
