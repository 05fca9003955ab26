"""What is worth telling of the log itself. A condition is one function: its finding, or None."""

from __future__ import annotations

from collections.abc import Sequence

from django.utils.translation import gettext as _

from verification.alerts.finding import Finding, link_to
from verification.alerts.snapshot import Snapshot
from verification.audit_log.integrity import latest_check
from verification.times import format_datetime

#: Sentences of a report that fit into a message.
MOST_SENTENCES = 3


def chain_broken(snapshot: Snapshot) -> Finding | None:
    """As the latest check found it, by `watch` or by somebody else."""
    key, check = "chain_broken", latest_check()
    if check is None:
        return None
    if not check.is_intact:
        found = _("Checked at {time}.").format(time=format_datetime(check.at))
        return _broken(snapshot, key, [found, *check.problems])
    if not check.is_whole:
        return None
    title = _("The log is intact again")
    text = _("The check of {time} found nothing wrong.").format(time=format_datetime(check.at))
    return Finding(key, snapshot.now, title, text, link_to("integrity"), is_over=True)


def cut_off(snapshot: Snapshot) -> Finding | None:
    """The log does not go through the head of the last snapshot. Nothing mends that."""
    if not snapshot.head.cut_off:
        return None
    found = _("Seen at {time}.").format(time=format_datetime(snapshot.now))
    return _broken(
        snapshot, f"cut_off:{snapshot.head.last_attempt_id}", [found, *snapshot.head.cut_off]
    )


def not_append_only(snapshot: Snapshot) -> Finding | None:
    key, names = "not_append_only", snapshot.head.missing_triggers
    if not names:
        title = _("The log is append-only again")
        text = _("Seen at {time}: all triggers are in place.").format(
            time=format_datetime(snapshot.now)
        )
        return Finding(key, snapshot.now, title, text, link_to("integrity"), is_over=True)
    found = _("Seen at {time}.").format(time=format_datetime(snapshot.now))
    missing = [_("The trigger {name} is missing.").format(name=name) for name in names]
    remedy = _("Run manage.py migrate, then manage.py verify_audit.")
    sentences = [found, *missing[:MOST_SENTENCES], remedy]
    title = _("The log is not append-only any more")
    return Finding(key, snapshot.now, title, "\n".join(sentences), link_to("integrity"))


def _broken(snapshot: Snapshot, key: str, found: Sequence[str]) -> Finding:
    remedy = _("Change nothing, and run manage.py verify_audit with the last head you kept.")
    text = "\n".join([*found[: MOST_SENTENCES + 1], remedy])
    return Finding(key, snapshot.now, _("The log is not intact"), text, link_to("integrity"))
