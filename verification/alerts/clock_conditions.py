"""Conditions of the clocks. A condition is a function that returns a finding, or None."""

from __future__ import annotations

from django.utils.translation import gettext as _

from verification.alerts.finding import Finding, link_to
from verification.alerts.snapshot import Snapshot
from verification.attempts.index import NONE, AttemptIndex
from verification.audit_log.clock_check import MAX_DIFFERENCE, find_clock_differences
from verification.models import VerificationAttempt
from verification.protocol.enums import Kind
from verification.times import format_datetime

KEY = "clocks_differ"
#: The number of different verifications in a row that must be late. One alone may be a URL that
#: somebody kept.
MIN_LATE = 3


def clocks_differ(snapshot: Snapshot) -> Finding | None:
    """Report that this server's clock differs from the database's or WeChat's, until it agrees."""
    sentences = [*find_clock_differences(), *compare_with_wechat(snapshot)]
    link = link_to("verification_verificationattempt_changelist")
    if not sentences:
        title = _("The clocks agree again")
        text = _("Seen at {time}.").format(time=format_datetime(snapshot.now))
        return Finding(KEY, snapshot.now, title, text, link, is_over=True)
    seen = _("Seen at {time}.").format(time=format_datetime(snapshot.now))
    return Finding(KEY, snapshot.now, _("Clocks differ"), "\n".join([seen, *sentences]), link)


def compare_with_wechat(snapshot: Snapshot) -> list[str]:
    """Return a sentence if the newest accepted verifications do not have this server's time.

    Their timestamps are WeChat's, because they are signed. One from the future is enough: nobody
    can have kept its URL.
    """
    attempts = newest_verifications(snapshot)
    skews = [attempt.clock_skew for attempt in attempts if attempt.clock_skew is not None]
    if not skews:
        return []
    seconds = int(MAX_DIFFERENCE.total_seconds())
    if skews[0] < -seconds:
        text = _(
            "At {time}, WeChat signed a URL verification {seconds} seconds after this server's "
            "clock, which may be slow. Set it by NTP."
        )
    elif len(skews) >= MIN_LATE and all(skew > seconds for skew in skews):
        text = _(
            "Up to {time}, WeChat signed {count} URL verifications in a row {seconds} seconds or "
            "more before this server's clock, which may be fast. Set it by NTP."
        )
    else:
        return []
    time = format_datetime(attempts[0].recorded_at)
    nearest = min(abs(skew) for skew in skews)
    seconds = -skews[0] if skews[0] < 0 else nearest
    return [text.format(time=time, seconds=f"{seconds:,}", count=len(skews))]


def newest_verifications(snapshot: Snapshot) -> list[VerificationAttempt]:
    """Return the newest MIN_LATE accepted verifications of a day, newest first, without repeats."""
    index = AttemptIndex(
        [account.pk for account in snapshot.accounts], [Kind.URL_VERIFICATION], [NONE]
    )
    ids = range(snapshot.last_id_before_day + 1, snapshot.head.last_attempt_id + 1)
    newest = index.newest(10, ids)[:10]
    found: dict[bytes, VerificationAttempt] = {}
    for attempt in VerificationAttempt.objects.filter(id__in=newest).order_by("-id"):
        found.setdefault(bytes(attempt.signature or b""), attempt)
    return [*found.values()][:MIN_LATE]
