"""Log one line to standard output for each attempt, recorded or not."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Mapping

from django.utils import timezone

from verification.audit_log.canonical import Values
from verification.callbacks.verdicts import Accounts
from verification.models.attempt import as_record
from verification.protocol.callback import Callback

lines = logging.getLogger("verification.attempts")

#: Left out, because log lines travel further than exports, which have them.
UNLOGGED_FIELDS = {"signature", "timestamp", "nonce", "echostr"}


def log_attempts(attempts: Iterable[Values], accounts: Accounts) -> None:
    """Log one JSON line for each attempt, all lines of a batch in one write."""
    records = (as_record(attempt, accounts.slug_of(attempt["account_id"])) for attempt in attempts)
    lines.info("%s", "\n".join(as_line("attempt", record) for record in records))


def log_unrecorded(callback: Callback, why: object) -> None:
    """Log a callback that the database could not record: this line is its only trace."""
    record = {
        "at": timezone.now().isoformat(),
        "path_slug": callback.path_slug,
        "kind": callback.kind.label,
        "method": callback.method.label,
        "client_ip": callback.client_ip,
        "user_agent": callback.user_agent,
        "request_id": str(callback.request_id),
        "duration": callback.elapsed,
        "why": str(why),
    }
    lines.error("%s", as_line("attempt_unrecorded", record))


def as_line(event: str, record: Mapping[str, object]) -> str:
    fields = {"event": event, **record}
    for name in UNLOGGED_FIELDS:
        fields.pop(name, None)
    return json.dumps(fields)
