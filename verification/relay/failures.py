"""Says how a delivery to a backend ended, and what to do about it.

Pages, alerts and commands all use these sentences.
"""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _

from verification.keys import MISSING_KEY_ADVICE
from verification.models import Backend
from verification.protocol.enums import DeliveryResult


def describe(result: DeliveryResult, status: int | None = None) -> str:
    """Return a sentence that says how the delivery ended; `status` is the backend's, of HTTP."""
    if not status and result in WITHOUT_STATUS:
        return str(WITHOUT_STATUS[result])
    return str(SENTENCES[result]).format(status=status)


def advise(
    result: DeliveryResult, status: int | None = None, backend: Backend | None = None
) -> str:
    """Return what to do about it, or an empty text if there is nothing to do."""
    if result not in (DeliveryResult.CLIENT_ERROR, DeliveryResult.SERVER_ERROR):
        return str(ADVICE.get(result, ""))
    advice = str(ADVICE_BY_STATUS.get(status or 0, ADVICE[result]))
    may_be_form = status not in ADVICE_BY_STATUS or status in REFUSED_SIGNATURE
    if backend and backend.forwards_decrypted and backend.last_success_at is None and may_be_form:
        return str(_("{first} {second}")).format(first=advice, second=NONE_TAKEN_DECRYPTED)
    return advice


SENTENCES: dict[DeliveryResult, Any] = {
    DeliveryResult.UNKNOWN: _(
        "The message was not delivered: a newer release recorded why, and this one cannot read it."
    ),
    DeliveryResult.DELIVERED: _("The backend took the message."),
    DeliveryResult.UNUSABLE_REPLY: _(
        "The backend took the message, but its reply cannot be passed on to the follower."
    ),
    DeliveryResult.CONNECTION_REFUSED: _("The backend refuses connections."),
    DeliveryResult.NAME_NOT_FOUND: _("The host of the backend URL has no address in DNS."),
    DeliveryResult.TIMEOUT: _("The backend did not answer in time."),
    DeliveryResult.TLS_FAILED: _(
        "No secure connection to the backend: its certificate is not trusted, has expired or "
        "belongs to another host."
    ),
    DeliveryResult.CONNECTION_LOST: _(
        "The backend closed the connection before its answer was complete."
    ),
    DeliveryResult.NOT_HTTP: _("The answer of the backend is not valid HTTP."),
    DeliveryResult.REDIRECT: _(
        "The backend redirects (status {status}), and this server follows no redirect."
    ),
    DeliveryResult.CLIENT_ERROR: _("The backend refused the message with status {status}."),
    DeliveryResult.SERVER_ERROR: _("The backend answered with status {status}."),
    DeliveryResult.REPLY_TOO_LARGE: _("The reply of the backend is larger than 64 KB."),
    DeliveryResult.FORBIDDEN_ADDRESS: _(
        "The host of the backend URL has a private or reserved address, to which this server "
        "sends nothing."
    ),
    DeliveryResult.BUSY: _(
        "Too many messages of this account were waiting for an answer of the backend already."
    ),
    DeliveryResult.REPLAYED: _(
        "Too many pushes with the same signature arrived within a minute. Someone may be "
        "repeating a captured request."
    ),
    DeliveryResult.LOOP: _(
        "This server had forwarded the push before: the backend sends it back here."
    ),
    DeliveryResult.SPOOL_FULL: _(
        "The message could not be stored: waiting messages take up all the space that they may "
        "take up (100 MB for an account, 1 GB in all)."
    ),
    DeliveryResult.KEY_MISSING: _(
        "The message, or the webhook secret of the account, cannot be decrypted."
    ),
    DeliveryResult.NOT_DECRYPTED: _(
        "The backend gets messages decrypted, and no EncodingAESKey of this account decrypts the "
        "message."
    ),
}
#: For results whose sentence names a status, if none is known.
WITHOUT_STATUS: dict[DeliveryResult, Any] = {
    DeliveryResult.REDIRECT: _("The backend redirects, and this server follows no redirect."),
    DeliveryResult.CLIENT_ERROR: _("The backend refused the message."),
    DeliveryResult.SERVER_ERROR: _("The backend answered with an error."),
}

ADVICE: dict[DeliveryResult, Any] = {
    DeliveryResult.UNKNOWN: _(
        "Upgrade all processes to the newer release, or wait for the next attempt of this one."
    ),
    DeliveryResult.UNUSABLE_REPLY: _(
        "Let the backend answer with “success”, an empty body, or a passive reply in which "
        "ToUserName and FromUserName are exchanged: an <xml> document without a DTD, or a JSON "
        "object, not a web page. If it gets messages decrypted, it must reply in the format of the "
        "message, XML or JSON, and must not encrypt its reply."
    ),
    DeliveryResult.CONNECTION_REFUSED: _(
        "Start the backend, check host and port of the backend URL, and let its firewall admit "
        "this server."
    ),
    DeliveryResult.NAME_NOT_FOUND: _(
        "Check the spelling of the host. If it is right, check the DNS that this server uses."
    ),
    DeliveryResult.TIMEOUT: _(
        "Let the backend answer within 3.5 seconds and do slow work afterwards. If it receives "
        "nothing at all, check the port of the backend URL and the firewalls in between."
    ),
    DeliveryResult.TLS_FAILED: _(
        "Give the backend a valid certificate for this host, with its intermediate certificates."
    ),
    DeliveryResult.CONNECTION_LOST: _(
        "Look into the backend's log: it may have crashed or been restarted."
    ),
    DeliveryResult.NOT_HTTP: _(
        "Check scheme and port of the backend URL: a port that speaks https does not speak http, "
        "and the other way round."
    ),
    DeliveryResult.REDIRECT: _(
        "Set the backend URL to the address that answers itself. Check https://, “www.” and the "
        "slash at its end, and let the backend accept the message without a sign-in."
    ),
    DeliveryResult.CLIENT_ERROR: _(
        "Look into the backend's log: it says what the backend does not accept. Correct the "
        "backend, then retry the message."
    ),
    DeliveryResult.SERVER_ERROR: _("Look into the backend's log for an error at this time."),
    DeliveryResult.REPLY_TOO_LARGE: _(
        "Let the backend answer with “success” or a passive reply. WeChat accepts no more than "
        "2,048 bytes of text."
    ),
    DeliveryResult.FORBIDDEN_ADDRESS: _(
        "If the backend is in your own network, add its host and port to RELAY_PRIVATE_HOSTS and "
        "restart all processes. If not, check the host of the backend URL."
    ),
    DeliveryResult.BUSY: _("Let the backend answer faster, or run more processes of it."),
    DeliveryResult.REPLAYED: _(
        "Choose the security mode (安全模式) in WeChat's console, and rotate the token."
    ),
    DeliveryResult.LOOP: _(
        "Set the backend URL to your own system, and check where that system forwards messages."
    ),
    DeliveryResult.SPOOL_FULL: _(
        "Repair the backend, so that it takes the waiting messages, or discard those that nobody "
        "needs."
    ),
    DeliveryResult.KEY_MISSING: MISSING_KEY_ADVICE,
    DeliveryResult.NOT_DECRYPTED: _(
        "Compare the EncodingAESKey and the AppID or CorpID of this account with the console, and "
        "correct them here. Messages that wait are decrypted with the new key."
    ),
}
_NOT_AT_THIS_PATH = _(
    "Nothing answers at this path: compare the path of the backend URL with the backend's own."
)
_NOT_ADMITTED = _(
    "If the backend checks the webhook signature, compare its webhook secret with the account's, "
    "and its clock. Let it accept POST requests to this path without a sign-in or CSRF token, give "
    "it the token that WeChat's console has, and let its firewall admit this server."
)
_NOT_RUNNING = _(
    "A proxy in front of the backend answers in its place: start the application behind the proxy, "
    "or give it more processes."
)
ADVICE_BY_STATUS: dict[int, Any] = {
    401: _NOT_ADMITTED,
    403: _NOT_ADMITTED,
    404: _NOT_AT_THIS_PATH,
    405: _("Let the backend accept POST requests at this path."),
    410: _NOT_AT_THIS_PATH,
    413: _("Let the backend, and each proxy in front of it, accept bodies of up to 1 MiB."),
    429: _("The backend limits requests: raise its limit for the address of this server."),
    502: _NOT_RUNNING,
    503: _NOT_RUNNING,
    504: _NOT_RUNNING,
}
#: A backend answers these if it has looked for WeChat's signature in vain.
REFUSED_SIGNATURE = {401, 403}
#: A new URL, and messages in another form, make a backend one that has taken none. So does a clock
#: that was set back.
NONE_TAKEN_DECRYPTED = _(
    "The backend gets messages decrypted, and has taken none yet: check that it expects plain XML "
    "or JSON, without Encrypt and msg_signature."
)
