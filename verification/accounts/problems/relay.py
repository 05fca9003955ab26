"""Finds problems of the backend and of messages in the spool."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from verification.accounts.facts import Facts
from verification.accounts.levels import Level
from verification.accounts.problems.problem import Problem
from verification.models import Backend
from verification.models.backend import FAILURES_TO_OPEN
from verification.protocol.enums import DeliveryResult
from verification.relay.failures import advise
from verification.relay.report import Backlog, Period, name_failure
from verification.times import format_short

#: Messages that wait longer need attention.
LONG_WAIT = timedelta(minutes=10)
#: A backend that fails for a shorter time, and less often, may only have been restarted.
FAILING_AFTER = timedelta(minutes=1)


def backend_failing(facts: Facts, now: datetime) -> Problem | None:
    backend = facts.backend
    if backend is None or backend.failing_since is None:
        return None
    is_lasting = (
        backend.failures >= FAILURES_TO_OPEN or now - backend.failing_since >= FAILING_AFTER
    )
    text = " · ".join(filter(None, [describe_failing(backend), describe_stored(facts)]))
    advice = ""
    if backend.last_failure is not None:
        result = DeliveryResult(backend.last_failure)
        advice = advise(result, backend.last_failure_status, backend)
    return Problem(Level.FAILING if is_lasting else Level.WARNING, text, advice)


def describe_failing(backend: Backend) -> str:
    """Return since when the backend fails and why, in a few words."""
    assert backend.failing_since is not None
    since = format_short(backend.failing_since)
    if backend.last_failure is None:
        return _("Backend failing since {time}").format(time=since)
    return _("Backend failing since {time}: {reason}").format(
        time=since, reason=name_failure(backend.last_failure, backend.last_failure_status)
    )


def replies_lost(facts: Facts, now: datetime) -> Problem | None:
    lost = facts.deliveries.lost_replies
    if facts.backend is None or facts.backend.is_failing or lost is None:
        return None
    text = " · ".join(
        filter(None, [describe_lost_replies(facts.deliveries), describe_stored(facts)])
    )
    return Problem(Level.WARNING, text, advise(lost.main.result))


def describe_lost_replies(hour: Period) -> str:
    """Return how many of the hour's deliveries brought no reply and why, or an empty text.

    The count and the time are those of the main reason. All others are one number.
    """
    lost = hour.lost_replies
    if lost is None:
        return ""
    text = _(
        "{count} of {total} deliveries of the last hour brought no reply, the last at {time}: "
        "{reason}"
    ).format(
        count=f"{lost.main.count:,}",
        total=f"{hour.delivered + hour.failed:,}",
        time=format_short(lost.main.last_at),
        reason=name_failure(lost.main.result, None),
    )
    if others := lost.count - lost.main.count:
        text = _("{text} ({count} more for other reasons)").format(text=text, count=f"{others:,}")
    return text


def messages_dead(facts: Facts, now: datetime) -> Problem | None:
    if not facts.backlog.dead:
        return None
    advice = _(
        "They are not retried automatically. The list of messages in the spool says why. "
        "Repair the backend, then press “Retry now” on the account's page, or discard them."
    )
    return Problem(Level.WARNING, describe_stored(facts), advice)


def messages_wait(facts: Facts, now: datetime) -> Problem | None:
    """Find messages that wait for long, or that no worker delivers."""
    oldest = facts.backlog.oldest_waiting
    is_long = oldest is not None and now - oldest > LONG_WAIT
    is_failing = facts.backend is not None and facts.backend.is_failing
    if is_failing or not (is_long or facts.is_worker_missing):
        return None
    if facts.backend is None:
        advice = _("The account has no backend. Set one, or discard the messages.")
    else:
        advice = _(
            "Check that manage.py worker runs: it delivers waiting messages, and manage.py watch "
            "alone does not. If it runs, the list of messages in the spool says why the backend "
            "has not taken them."
        )
    return Problem(Level.WARNING, describe_stored(facts), advice)


def spool_full(facts: Facts, now: datetime) -> Problem | None:
    """Find messages that could not be stored within the last ALERT_MINUTES."""
    full = DeliveryResult.SPOOL_FULL
    span = timedelta(minutes=settings.ALERT_MINUTES)
    failures = facts.deliveries.failures
    if not any(failure.result == full and now - failure.last_at <= span for failure in failures):
        return None
    return Problem(Level.FAILING, _("No room for waiting messages"), advise(full))


def describe_stored(facts: Facts) -> str:
    """Return what the spool has for the account, and whether no worker delivers it."""
    parts = [describe_waiting(facts.backlog)]
    if facts.is_worker_missing:
        parts.append(_("no worker is running: start manage.py worker"))
    return " · ".join(filter(None, parts))


def describe_waiting(backlog: Backlog) -> str:
    """Return how many messages wait and how many are dead letters, or an empty text."""
    parts = []
    if waiting := backlog.waiting:
        sentence = ngettext("{count} message waits", "{count} messages wait", waiting)
        parts.append(sentence.format(count=f"{waiting:,}"))
    if dead := backlog.dead:
        sentence = ngettext("{count} dead letter", "{count} dead letters", dead)
        parts.append(sentence.format(count=f"{dead:,}"))
    return " · ".join(parts)
