"""Conditions of the log itself. A condition is a function that returns a finding, or None."""

from __future__ import annotations

from django.utils.translation import gettext as _

from verification.alerts.finding import Finding, link_to
from verification.alerts.snapshot import Snapshot
from verification.audit_log.integrity import latest_check
from verification.audit_log.report import MISSING_SEAL_KEY_ADVICE, LogState
from verification.models.alert import WENT_BACK
from verification.times import format_datetime

#: The number of sentences of a report that fit into a message.
MAX_SENTENCES = 3


def chain_broken(snapshot: Snapshot) -> Finding | None:
    """Report that the latest check, by `watch` or a person, found the log not intact."""
    remedy = _(
        "First keep the evidence, as docs/RUNBOOK.md says under “Chain broken”; until then, change "
        "nothing and run no migration. Then run manage.py verify_audit with the last head that you "
        "kept."
    )
    return _report_check(snapshot, "chain_broken", LogState.NOT_INTACT, remedy)


def seal_key_missing(snapshot: Snapshot) -> Finding | None:
    """Report that the latest check lacked a key, which by itself does not mean an alteration."""
    remedy = str(MISSING_SEAL_KEY_ADVICE)
    return _report_check(snapshot, "seal_key_missing", LogState.KEY_MISSING, remedy)


def head_went_back(snapshot: Snapshot) -> Finding | None:
    """Report that the log does not contain the head of the last round, or the one printed last.

    This problem is never reported as over.
    """
    if not snapshot.head.cut_off:
        return None
    sentences = [
        _("Seen at {time}.").format(time=format_datetime(snapshot.now)),
        *snapshot.head.cut_off,
        _("An older backup of the database was restored, or the log was replaced."),
        _("Follow docs/RUNBOOK.md, “Log went back”. Until then, change and prune nothing."),
    ]
    return Finding(
        f"{WENT_BACK}:{snapshot.head.last_attempt_id}",
        snapshot.now,
        _("The log's head went back"),
        "\n".join(sentences),
        link_to("integrity"),
    )


def schema_differs(snapshot: Snapshot) -> Finding | None:
    """Report that the database is not as migrations make it, until it is again."""
    key, schema = "schema_differs", snapshot.head.schema
    if not schema.differences:
        title = _("The database is as migrations make it again")
        text = _("Seen at {time}: all tables and triggers are as they should be.").format(
            time=format_datetime(snapshot.now)
        )
        return Finding(key, snapshot.now, title, text, link_to("integrity"), is_over=True)
    seen = _("Seen at {time}.").format(time=format_datetime(snapshot.now))
    text = "\n".join([seen, *schema.summary])
    return Finding(key, snapshot.now, schema.title, text, link_to("integrity"))


def _report_check(snapshot: Snapshot, key: str, state: LogState, remedy: str) -> Finding | None:
    """Report that the latest check found this state, until one of the whole log finds it intact."""
    check = latest_check()
    if check is None:
        return None
    at = format_datetime(check.at)
    if check.state is state:
        checked = _("Checked at {time}.").format(time=at)
        text = "\n".join([checked, *check.problems[:MAX_SENTENCES], remedy])
        return Finding(key, snapshot.now, str(state.label), text, link_to("integrity"))
    if not (check.is_intact and check.is_whole):
        return None
    title = _("The log is intact again")
    text = _("The check of {time} found nothing wrong.").format(time=at)
    return Finding(key, snapshot.now, title, text, link_to("integrity"), is_over=True)
