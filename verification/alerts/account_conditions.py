"""What is worth telling of an account. A condition is one function: its finding, or None."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from datetime import datetime, timedelta

from django.conf import settings
from django.utils.translation import gettext as _

from verification.alerts.finding import Finding, link_to
from verification.alerts.snapshot import DAY, Snapshot
from verification.diagnosis import explain
from verification.models import OfficialAccount, Token, VerificationAttempt
from verification.times import format_datetime

MINUTES = "%Y-%m-%d %H:%M"


def refused(snapshot: Snapshot, account: OfficialAccount) -> Finding | None:
    """Its first refusal after a success; over when it is accepted again."""
    key, last_at = f"refused:{account.pk}", snapshot.new_refusals.get(account.pk)
    if last_at is None:
        return _accepted_again(snapshot, account, key)
    used = snapshot.first_used_at(account)
    attempt = snapshot.first_refusal_since(used, account) if used else None
    if attempt is None:
        return None  # somebody is still setting it up, and sees it on the account's page
    return Finding(
        key,
        last_at,
        _("“{account}” is refused, after it had worked").format(account=account),
        _explain(attempt),
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
            time=format_datetime(success, MINUTES)
        )
        return Finding(key, snapshot.now, title, text, _page_of(account), is_over=True)
    if snapshot.now - alert.seen_at > DAY:
        return Finding(key, snapshot.now, is_over=True)
    return None


def often_refused(snapshot: Snapshot, account: OfficialAccount) -> Finding | None:
    """ALERT_REFUSALS: so many refusals in so many minutes; over when they have become fewer."""
    key, last_at = f"often_refused:{account.pk}", snapshot.new_refusals.get(account.pk)
    span = timedelta(minutes=settings.ALERT_MINUTES)
    if last_at is not None:
        rows = list(snapshot.refusals_of(account))
        count = _most_within(span, rows, snapshot.after_id)
        if count >= settings.ALERT_REFUSALS:
            last = VerificationAttempt.objects.select_related("account").get(pk=rows[-1][0])
            title = _("“{account}” was refused {count} times within {minutes} minutes").format(
                account=account, count=count, minutes=settings.ALERT_MINUTES
            )
            return Finding(key, last_at, title, _explain(last), _page_of(account))
    alert = snapshot.open_alerts.get(key)
    if alert and snapshot.now - alert.seen_at > span:
        return Finding(key, snapshot.now, is_over=True)
    return None


def _most_within(span: timedelta, rows: Iterable[tuple[int, datetime, int]], after_id: int) -> int:
    """The most refusals in any such span that ends after the last snapshot."""
    within: deque[tuple[datetime, int]] = deque()
    count = most = 0
    for attempt_id, time, occurrences in rows:
        within.append((time, occurrences))
        count += occurrences
        while time - within[0][0] > span:
            count -= within.popleft()[1]
        if attempt_id > after_id:
            most = max(most, count)
    return most


def first_success(snapshot: Snapshot, account: OfficialAccount) -> Finding | None:
    """Never over: there is only one first time."""
    used = snapshot.first_used_at(account)
    if used is None or used <= snapshot.began_at:
        return None
    token = next(
        token for token in snapshot.facts[account.pk].tokens if token.first_used_at == used
    )
    return Finding(
        f"first_success:{account.pk}",
        used,
        _("“{account}” answered WeChat for the first time").format(account=account),
        _("At {time}, with the token of the fingerprint {fingerprint}.").format(
            time=format_datetime(used, MINUTES), fingerprint=token.fingerprint
        ),
        _page_of(account),
    )


def rotation_ends_unused(snapshot: Snapshot, account: OfficialAccount) -> Finding | None:
    """In the last quarter of the old token's time, but no earlier than a day before its end."""
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
        _("“{account}”: the old token ends at {time}, and WeChat has not used the new one").format(
            account=account, time=format_datetime(end, MINUTES)
        ),
        _(
            "Paste the new token into the console and press Submit (提交), or keep the old one "
            "longer on the account's page."
        ),
        _page_of(account),
    )


def _end_of(previous: list[Token], now: datetime) -> datetime | None:
    """When the last of the tokens that WeChat uses ends, if that is soon."""
    live = [token for token in previous if token.expires_at is None or token.expires_at > now]
    ends = {token.expires_at: token.superseded_at for token in live}
    if not ends or None in ends:
        return None
    end, superseded = max((end, superseded) for end, superseded in ends.items() if end)
    whole = end - (superseded or end)
    return end if end - now <= min(whole / 4, DAY) else None


def _rotation_finished(
    snapshot: Snapshot, account: OfficialAccount, current: Token | None, key: str
) -> Finding | None:
    if key not in snapshot.open_alerts or current is None or current.first_used_at is None:
        return None
    title = _("“{account}”: WeChat uses the new token").format(account=account)
    text = _("Since {time}.").format(time=format_datetime(current.first_used_at, MINUTES))
    return Finding(key, snapshot.now, title, text, _page_of(account), is_over=True)


def silent(snapshot: Snapshot, account: OfficialAccount) -> Finding | None:
    """No pushes where they used to come; over with the next push."""
    key, facts = f"silent:{account.pk}", snapshot.facts[account.pk]
    last, alert = facts.last_push, snapshot.open_alerts.get(key)
    if alert and last and last > alert.began_at:
        title = _("“{account}” is receiving messages again").format(account=account)
        text = _("The last one came at {time}.").format(time=format_datetime(last, MINUTES))
        return Finding(key, snapshot.now, title, text, _page_of(account), is_over=True)
    if last is None or not facts.is_silent(snapshot.now):
        return None
    return Finding(
        key,
        snapshot.now,
        _("“{account}”: no messages since {time}").format(
            account=account, time=format_datetime(last, MINUTES)
        ),
        _(
            "See in WeChat's console whether it is still enabled (启用), with this account's "
            "server URL and token; send it a message to try."
        ),
        _page_of(account),
    )


def _explain(attempt: VerificationAttempt) -> str:
    return _("At {time}: {explanation}").format(
        time=format_datetime(attempt.recorded_at, MINUTES), explanation=explain(attempt).full_text
    )


def _page_of(account: OfficialAccount) -> str:
    return link_to("verification_officialaccount_change", account.pk)
