"""Conditions of an account. A condition is a function that returns a finding, or None."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.conf import settings
from django.utils.translation import gettext as _

from verification.accounts.problems import calls
from verification.alerts.finding import Finding, link_to
from verification.alerts.snapshot import DAY, Snapshot
from verification.diagnosis import explain
from verification.models import OfficialAccount, Token, VerificationAttempt
from verification.protocol.enums import Reason
from verification.times import format_datetime

TIME_FORMAT = "%Y-%m-%d %H:%M"


def refused(snapshot: Snapshot, account: OfficialAccount) -> Finding | None:
    """Report that calls are refused after a success. It ends when the account is accepted again.

    Until the first success, a person is still setting it up, and sees this on the account's page.
    A missing key is one problem of the server, which key_missing() reports.
    """
    key, lost = f"refused:{account.pk}", snapshot.problem(account, calls.queries_lost)
    problem = snapshot.problem(account, calls.refused) or lost
    attempt = problem.attempt if problem else None
    if problem is None or attempt is None or attempt.reason == Reason.UNDECRYPTABLE_TOKEN:
        return _accepted_again(snapshot, account, key)
    if snapshot.first_used_at(account) is None:
        return None
    title = _("“{account}” is refused, after it had worked")
    if problem is lost:  # Nobody knows whether the platform has sent them.
        title = _("“{account}”: calls arrive without their query string")
    return Finding(
        key,
        attempt.recorded_at,
        title.format(account=account),
        _("At {time}: {explanation}").format(
            time=format_datetime(attempt.recorded_at, TIME_FORMAT), explanation=problem.advice
        ),
        link_to("verification_verificationattempt_change", attempt.pk),
    )


def _accepted_again(snapshot: Snapshot, account: OfficialAccount, key: str) -> Finding | None:
    alert = snapshot.open_alerts.get(key)
    if alert is None:
        return None
    success = snapshot.facts[account.pk].last_accepted
    if success and success > alert.seen_at:
        title = _("“{account}” is accepted again").format(account=account)
        text = _("The last request passed at {time}.").format(
            time=format_datetime(success, TIME_FORMAT)
        )
        return Finding(key, snapshot.now, title, text, _link_to_account(account), is_over=True)
    if snapshot.now - alert.seen_at > DAY:
        return Finding(key, snapshot.now, is_over=True)
    return None


def often_refused(snapshot: Snapshot, account: OfficialAccount) -> Finding | None:
    """Report ALERT_REFUSALS refusals within ALERT_MINUTES. It ends when there are fewer."""
    key, last_at = f"often_refused:{account.pk}", snapshot.new_refusals.get(account.pk)
    span = timedelta(minutes=settings.ALERT_MINUTES)
    if last_at is not None:
        rows = list(snapshot.newest_refusals(account))
        count = _max_within(span, rows, snapshot.after_id)
        if count >= settings.ALERT_REFUSALS:
            last = VerificationAttempt.objects.select_related("account").get(pk=rows[-1][0])
            title = _("“{account}” was refused {count} times within {minutes} minutes").format(
                account=account, count=count, minutes=settings.ALERT_MINUTES
            )
            return Finding(key, last_at, title, _explain(last), _link_to_account(account))
    alert = snapshot.open_alerts.get(key)
    if alert and snapshot.now - alert.seen_at > span:
        return Finding(key, snapshot.now, is_over=True)
    return None


def _max_within(span: timedelta, rows: Iterable[tuple[int, datetime, int]], after_id: int) -> int:
    """Return the highest number of refusals within `span`, of spans that end after `after_id`.

    `rows` are id, time and occurrences, oldest first.
    """
    within: deque[tuple[datetime, int]] = deque()
    count = maximum = 0
    for attempt_id, time, occurrences in rows:
        within.append((time, occurrences))
        count += occurrences
        while time - within[0][0] > span:
            count -= within.popleft()[1]
        if attempt_id > after_id:
            maximum = max(maximum, count)
    return maximum


def first_success(snapshot: Snapshot, account: OfficialAccount) -> Finding | None:
    """Report the first accepted call. This finding has no end."""
    used = snapshot.first_used_at(account)
    if used is None or used <= snapshot.began_at:
        return None
    token = next(
        token for token in snapshot.facts[account.pk].tokens if token.first_used_at == used
    )
    return Finding(
        f"first_success:{account.pk}",
        used,
        _("“{account}” answered {caller} for the first time").format(
            account=account, caller=account.caller
        ),
        _("At {time}, with the token {fingerprint}.").format(
            time=format_datetime(used, TIME_FORMAT), fingerprint=token.fingerprint
        ),
        _link_to_account(account),
    )


def rotation_ends_unused(snapshot: Snapshot, account: OfficialAccount) -> Finding | None:
    """Report that the old token ends soon and its platform has not used the new one.

    “Soon” is the last quarter of the time between the rotation and the end, but no more than the
    last day.
    """
    key, facts = f"rotation_ends_unused:{account.pk}", snapshot.facts[account.pk]
    current = facts.current_token
    if current is None or current.first_used_at:
        return _rotation_finished(snapshot, account, current, key)
    previous = [token for token in facts.tokens if not token.is_current and token.first_used_at]
    end = _end_of(previous, snapshot.now)
    if end is None:
        return None
    return Finding(
        key,
        snapshot.now,
        _(
            "“{account}”: the old token ends at {time}, and {caller} has not used the new one"
        ).format(account=account, time=format_datetime(end, TIME_FORMAT), caller=account.caller),
        _(
            "Paste the new token into the console and press {button}, or keep the old one longer "
            "on the account's page."
        ).format(button=account.submit_button),
        _link_to_account(account),
    )


def _end_of(previous: list[Token], now: datetime) -> datetime | None:
    """Return when the last of the previous tokens ends, if that is soon, or None."""
    live = [token for token in previous if token.expires_at is None or token.expires_at > now]
    ends = {token.expires_at: token.superseded_at for token in live}
    if not ends or None in ends:
        return None
    end, superseded = max((end, superseded) for end, superseded in ends.items() if end)
    overlap = end - (superseded or end)
    return end if end - now <= min(overlap / 4, DAY) else None


def _rotation_finished(
    snapshot: Snapshot, account: OfficialAccount, current: Token | None, key: str
) -> Finding | None:
    if key not in snapshot.open_alerts or current is None or current.first_used_at is None:
        return None
    title = _("“{account}”: {caller} uses the new token").format(
        account=account, caller=account.caller
    )
    text = _("Since {time}.").format(time=format_datetime(current.first_used_at, TIME_FORMAT))
    return Finding(key, snapshot.now, title, text, _link_to_account(account), is_over=True)


def silent(snapshot: Snapshot, account: OfficialAccount) -> Finding | None:
    """Report that pushes have stopped. It ends with the next push."""
    key, facts = f"silent:{account.pk}", snapshot.facts[account.pk]
    last, alert = facts.last_push, snapshot.open_alerts.get(key)
    if alert and last and last > alert.began_at:
        title = _("“{account}” is receiving messages again").format(account=account)
        text = _("The last one arrived at {time}.").format(time=format_datetime(last, TIME_FORMAT))
        return Finding(key, snapshot.now, title, text, _link_to_account(account), is_over=True)
    problem = snapshot.problem(account, calls.silent)
    if last is None or problem is None:
        return None
    return Finding(
        key,
        snapshot.now,
        _("“{account}”: no messages since {time}").format(
            account=account, time=format_datetime(last, TIME_FORMAT)
        ),
        problem.advice,
        _link_to_account(account),
    )


def _explain(attempt: VerificationAttempt) -> str:
    return _("At {time}: {explanation}").format(
        time=format_datetime(attempt.recorded_at, TIME_FORMAT),
        explanation=explain(attempt).full_text,
    )


def _link_to_account(account: OfficialAccount) -> str:
    return link_to("verification_officialaccount_change", account.pk)
