"""Conditions of the log itself. A condition is a function that returns a finding, or None."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.translation import gettext as _

from verification.alerts.finding import Finding, link_to
from verification.alerts.snapshot import Snapshot
from verification.audit_log.integrity import latest_check
from verification.times import format_datetime

#: The number of sentences of a report that fit into a message.
MAX_SENTENCES = 3


def chain_broken(snapshot: Snapshot) -> Finding | None:
    """Report the result of the latest check, whether `watch` or a person started it."""
    key, check = "chain_broken", latest_check()
    if check is None:
        return None
    if not check.is_intact:
        checked = _("Checked at {time}.").format(time=format_datetime(check.at))
        return _report_broken_log(snapshot, key, [checked, *check.problems])
    if not check.is_whole:
        return None
    title = _("The log is intact again")
    text = _("The check of {time} found nothing wrong.").format(time=format_datetime(check.at))
    return Finding(key, snapshot.now, title, text, link_to("integrity"), is_over=True)


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
        f"head_went_back:{snapshot.head.last_attempt_id}",
        snapshot.now,
        _("The log's head went back"),
        "\n".join(sentences),
        link_to("integrity"),
    )


def schema_differs(snapshot: Snapshot) -> Finding | None:
    """Report tables and triggers that are not as migrations make them, until they are again."""
    key, schema = "schema_differs", snapshot.head.schema
    if not schema.differences:
        title = _("The database is as migrations make it again")
        text = _("Seen at {time}: all tables and triggers are as they should be.").format(
            time=format_datetime(snapshot.now)
        )
        return Finding(key, snapshot.now, title, text, link_to("integrity"), is_over=True)
    seen = _("Seen at {time}.").format(time=format_datetime(snapshot.now))
    title = _("The database is not as migrations make it")
    text = "\n".join([seen, *schema.summary])
    return Finding(key, snapshot.now, title, text, link_to("integrity"))


def _report_broken_log(snapshot: Snapshot, key: str, sentences: Sequence[str]) -> Finding:
    remedy = _(
        "First keep the evidence, as docs/RUNBOOK.md says under “Chain broken”; until then, change "
        "nothing and run no migration. Then run manage.py verify_audit with the last head that you "
        "kept."
    )
    text = "\n".join([*sentences[: MAX_SENTENCES + 1], remedy])
    return Finding(key, snapshot.now, _("The log is not intact"), text, link_to("integrity"))
