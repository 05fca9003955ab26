"""Conditions of backends and of the spool. They apply to paused accounts as well."""

from __future__ import annotations

from datetime import timedelta

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from verification.accounts.levels import Level
from verification.accounts.problems import relay
from verification.accounts.problems.relay import describe_lost_replies, describe_waiting
from verification.alerts.finding import Finding, link_to
from verification.alerts.snapshot import Snapshot
from verification.models import Backend, OfficialAccount
from verification.models.backend import retention_of
from verification.protocol.enums import DeliveryResult
from verification.relay.failures import advise, describe
from verification.relay.report import Backlog, name_failure
from verification.times import format_datetime

#: The second warning that messages will be deleted undelivered comes this long before.
SOON = timedelta(hours=12)
TIME_FORMAT = "%Y-%m-%d %H:%M"


def backend_fails(snapshot: Snapshot, account: OfficialAccount) -> Finding | None:
    """Report a backend that fails for a minute, or three times in a row, until it works again."""
    key, backend = f"backend_fails:{account.pk}", snapshot.facts[account.pk].backend
    if backend is None:
        return _end(snapshot, key)
    since = backend.failing_since
    if since is None:
        return _works_again(snapshot, account, backend, key)
    problem = snapshot.problem(account, relay.backend_failing)
    is_lasting = problem is not None and problem.level is Level.FAILING
    if not is_lasting or backend.last_failure is None:
        return None
    result, status = DeliveryResult(backend.last_failure), backend.last_failure_status
    if backend.on_failure == Backend.OnFailure.KEEP:
        effect = _("Messages wait here until it works again; {people} get no reply.").format(
            people=account.people
        )
    else:
        effect = _describe_resending(account)
    return Finding(
        key,
        snapshot.now,
        _("“{account}”: the backend fails: {reason}").format(
            account=account, reason=name_failure(result, status)
        ),
        " ".join(
            filter(
                None,
                [
                    _("Since {time}.").format(time=format_datetime(since, TIME_FORMAT)),
                    describe(result, status),
                    advise(result, status, backend),
                    effect,
                ],
            )
        ),
        _link(account),
    )


def _works_again(
    snapshot: Snapshot, account: OfficialAccount, backend: Backend, key: str
) -> Finding | None:
    alert, success = snapshot.open_alerts.get(key), backend.last_success_at
    if alert is None or success is None:
        return None  # After a new URL, only a delivery shows that it works.
    title = _("“{account}”: the backend works again").format(account=account)
    text = _("It took a message at {time}.").format(time=format_datetime(success, TIME_FORMAT))
    if waiting := describe_waiting(snapshot.facts[account.pk].backlog):
        text = f"{text} {waiting}."
    return Finding(key, snapshot.now, title, text, _link(account), is_over=True)


def replies_lost(snapshot: Snapshot, account: OfficialAccount) -> Finding | None:
    """Report that followers get no reply, although the backend does not fail.

    It takes messages, but too late or with replies that nobody can use, or gets none, because no
    EncodingAESKey decrypts them.
    """
    key, facts = f"replies_lost:{account.pk}", snapshot.facts[account.pk]
    lost = facts.deliveries.lost_replies
    if facts.backend is None:
        return _end(snapshot, key)
    if lost is None:
        title = _("“{account}”: {people} get replies again").format(
            account=account, people=account.people
        )
        return _end(snapshot, key, title, _link(account))
    problem = snapshot.problem(account, relay.replies_lost)
    if problem is None:
        return None  # The backend fails, and the alert about it says so.
    return Finding(
        key,
        snapshot.now,
        _("“{account}”: {people} get no reply: {reason}").format(
            account=account, people=account.people, reason=name_failure(lost.main.result, None)
        ),
        f"{describe_lost_replies(facts.deliveries)}. {problem.advice}",
        _link(account),
    )


def messages_wait(snapshot: Snapshot, account: OfficialAccount) -> Finding | None:
    """Report messages that wait for long, although the backend does not fail."""
    key, facts = f"messages_wait:{account.pk}", snapshot.facts[account.pk]
    oldest = facts.backlog.oldest_waiting
    if oldest is None:
        title = _("“{account}”: no message waits any more").format(account=account)
        return _end(snapshot, key, title, _link(account))
    problem = snapshot.problem(account, relay.messages_wait)
    if problem is None:
        return None
    waiting = facts.backlog.waiting
    title = ngettext(
        "“{account}”: {count} message waits, since {time}",
        "“{account}”: {count} messages wait, the oldest since {time}",
        waiting,
    ).format(account=account, count=f"{waiting:,}", time=format_datetime(oldest, TIME_FORMAT))
    return Finding(key, snapshot.now, title, problem.advice, _link(account))


def messages_dead(snapshot: Snapshot, account: OfficialAccount) -> Finding | None:
    """Report messages that the backend does not accept, until none are left."""
    key, problem = f"messages_dead:{account.pk}", snapshot.problem(account, relay.messages_dead)
    if problem is None:
        return _end(snapshot, key)
    dead = snapshot.facts[account.pk].backlog.dead
    title = ngettext(
        "“{account}”: the backend does not accept {count} message",
        "“{account}”: the backend does not accept {count} messages",
        dead,
    ).format(account=account, count=f"{dead:,}")
    return Finding(key, snapshot.now, title, problem.advice, _link(account))


def messages_expire(snapshot: Snapshot, account: OfficialAccount) -> Finding | None:
    """Report messages that have waited for half of the time after which they are deleted."""
    half = retention_of(snapshot.facts[account.pk].backend) / 2
    return _expiry(snapshot, account, "messages_expire", half)


def messages_expire_soon(snapshot: Snapshot, account: OfficialAccount) -> Finding | None:
    """Report messages that will be deleted within SOON."""
    return _expiry(snapshot, account, "messages_expire_soon", SOON)


def _expiry(
    snapshot: Snapshot, account: OfficialAccount, name: str, warning: timedelta
) -> Finding | None:
    key, facts = f"{name}:{account.pk}", snapshot.facts[account.pk]
    oldest = facts.backlog.oldest
    if oldest is None:
        return _end(snapshot, key)
    end = oldest + retention_of(facts.backend)
    left = end - snapshot.now
    if left > warning:
        return _end(snapshot, key)
    if name == "messages_expire" and left <= SOON:
        return None  # The second warning says it.
    title = _("“{account}”: messages will be deleted undelivered, the first at {time}").format(
        account=account, time=format_datetime(end, TIME_FORMAT)
    )
    return Finding(key, snapshot.now, title, _describe_expiring(facts.backlog), _link(account))


def _describe_expiring(backlog: Backlog) -> str:
    advice = _(
        "On the account's page, see why the backend does not take them. Repair it and retry them, "
        "discard them, or let them wait for more days."
    )
    return f"{describe_waiting(backlog)}. {advice}"


def spool_full(snapshot: Snapshot, account: OfficialAccount) -> Finding | None:
    """Report that messages could not be stored. It ends when that was ALERT_MINUTES ago."""
    key, problem = f"spool_full:{account.pk}", snapshot.problem(account, relay.spool_full)
    if problem is None:
        return _end(snapshot, key)
    return Finding(
        key,
        snapshot.now,
        _("“{account}”: no room for waiting messages").format(account=account),
        " ".join(
            [
                describe(DeliveryResult.SPOOL_FULL),
                _describe_resending(account),
                problem.advice,
            ]
        ),
        _link(account),
    )


def _describe_resending(account: OfficialAccount) -> str:
    """Return what happens to a message that is neither delivered nor stored."""
    if account.is_wecom:
        return _("WeCom sends each message three times in all; then members get no reply.")
    return _("WeChat sends each message three times in all; then {people} see an error.").format(
        people=account.people
    )


def _end(snapshot: Snapshot, key: str, title: str = "", link: str = "") -> Finding | None:
    if key not in snapshot.open_alerts:
        return None
    return Finding(key, snapshot.now, title, link=link, is_over=True)


def _link(account: OfficialAccount) -> str:
    return link_to("verification_officialaccount_change", account.pk)
