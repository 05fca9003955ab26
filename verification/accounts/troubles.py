"""Lists what about an account needs attention: how bad it is, why, and what to do.

A trouble is found by a function that returns one, or None. To add one, write the function, add it
to TROUBLES, say in verification/tests/alerts/test_agreement.py which alert it has, and write a
test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from verification.accounts.facts import Facts
from verification.accounts.levels import Level
from verification.accounts.refusals import Refusal
from verification.accounts.strays import Stray
from verification.diagnosis.token_causes import name_accounts, put_key_back
from verification.keys import MISSING_KEY_ADVICE
from verification.models import Backend, VerificationAttempt
from verification.models.backend import FAILURES_TO_OPEN
from verification.protocol.enums import DeliveryResult
from verification.relay.failures import advise
from verification.relay.report import Backlog, Period, name_failure
from verification.times import format_short

#: Strangers' calls are worth a look from this number in a row.
MANY_REFUSALS = 3
#: Messages that wait longer need attention.
LONG_WAIT = timedelta(minutes=10)
#: A backend that fails for a shorter time, and less often, may only have been restarted.
FAILING_AFTER = timedelta(minutes=1)


@dataclass(frozen=True)
class Trouble:
    """Something that needs attention."""

    level: Level
    text: str
    advice: str
    attempt: VerificationAttempt | None = None  #: the refused attempt that shows it
    kind: str = ""  #: the name of the function that found it

    @property
    def url(self) -> str:
        """The page of the refused attempt, for readers who may view attempts, or an empty text."""
        return attempt_url(self.attempt)


def attempt_url(attempt: VerificationAttempt | None) -> str:
    if attempt is None:
        return ""
    return reverse("admin:verification_verificationattempt_change", args=[attempt.pk])


def find_troubles(facts: Facts, now: datetime) -> Iterator[Trouble]:
    """Yield what needs attention, the worst first."""
    found = [(find.__name__, find(facts, now)) for find in TROUBLES]
    troubles = [replace(trouble, kind=kind) for kind, trouble in found if trouble]
    yield from sorted(troubles, key=lambda trouble: trouble.level)


# --- Secrets


def key_missing(facts: Facts, now: datetime) -> Trouble | None:
    token = facts.undecryptable_token(now)
    if token is not None:
        text = _("The old token cannot be decrypted: its key is missing in TOKEN_ENCRYPTION_KEYS")
        if token.is_current:
            text = _("The token cannot be decrypted: its key is missing in TOKEN_ENCRYPTION_KEYS")
        return Trouble(Level.FAILING, text, put_key_back())
    if facts.lost_secrets:
        text = _("The {secret} cannot be decrypted: its key is missing in TOKEN_ENCRYPTION_KEYS")
        text = text.format(secret=facts.lost_secrets[0])
        return Trouble(Level.FAILING, text, str(MISSING_KEY_ADVICE))
    return None


def token_shared(facts: Facts, now: datetime) -> Trouble | None:
    """Find a token that is valid for two accounts: one cannot tell whose call it is."""
    if not facts.sharers:
        return None
    text = _("Has the same token as {accounts}").format(accounts=name_accounts(facts.sharers))
    advice = _("Give each account its own token: rotate the token of one of them.")
    return Trouble(Level.WARNING, text, advice)


def rotation_unfinished(facts: Facts, now: datetime) -> Trouble | None:
    """Find a rotation after which WeChat has used a previous token but not the current one.

    It fails once the old token has ended and WeChat is refused. Until then messages pass.
    """
    current = facts.current_token
    previous = [token for token in facts.tokens if not token.is_current and token.first_used_at]
    if current is None or current.first_used_at or not previous:
        return None
    advice = _("Paste the current token into the console and press Submit (提交).")
    ends = [token.expires_at for token in previous if token.is_live_at(now)]
    if not ends:
        ended = max(filter(None, (token.expires_at or token.superseded_at for token in previous)))
        text = _("WeChat has not used the new token; the old one ended {time}").format(
            time=format_short(ended)
        )
        refusal = facts.refusal
        if refusal and refusal.attempt.recorded_at > ended and not refusal.is_outdated(now):
            level = _level_of_refusal(refusal, facts, now) or Level.WARNING
            return Trouble(level, text, advice, refusal.attempt)
        return Trouble(Level.WARNING, text, advice)
    text = _("Rotation unfinished: WeChat has not used the new token yet")
    if facts.last_accepted and facts.last_accepted > current.created_at:
        text = _("Rotation unfinished: WeChat still uses the old token")
    if None not in ends:
        text = _("Rotation unfinished, the old token ends {time}").format(
            time=format_short(max(filter(None, ends)))
        )
    return Trouble(Level.WARNING, text, advice)


# --- Refusals


def refused(facts: Facts, now: datetime) -> Trouble | None:
    """Find a refusal that no accepted call has followed.

    A later call to a wrong address that was signed with a token of the account takes its place:
    only the address is wrong now.
    """
    refusal, stray = facts.refusal, facts.stray
    if refusal is None or refusal.is_outdated(now):
        return None
    level = _level_of_refusal(refusal, facts, now)
    if level is None:
        return None
    if stray and stray.is_certain and stray.attempt.recorded_at > refusal.attempt.recorded_at:
        return _describe_wrong_address(level, stray)
    text = _("Refused: {cause}").format(cause=refusal.explanation.summary)
    return Trouble(level, text, refusal.explanation.full_text, refusal.attempt)


def _level_of_refusal(refusal: Refusal, facts: Facts, now: datetime) -> Level | None:
    """Return how bad the refusal is, or None if it may be a stranger's.

    Anyone who knows the address can send refusals without a known cause, from an address of their
    own. Nobody but WeChat can send accepted calls, and those clear every refusal before them. So
    a stranger cannot turn an account red: that takes a cause that only somebody with a token can
    bring about, the network from which WeChat verified the account, or that WeChat's own messages
    stop meanwhile. A new token in WeChat's console meets the second or the third.
    Several refusals in a row are worth a look all the same: WeChat has many networks. So is the
    first one before any success, which may be a typing error in WeChat's console.
    """
    if not refusal.may_be_forged or facts.is_silent(now):
        return Level.FAILING
    was_used = any(token.first_used_at for token in facts.tokens)
    is_worth_a_look = not was_used or facts.refusals.count >= MANY_REFUSALS
    return Level.WARNING if is_worth_a_look else None


def stray(facts: Facts, now: datetime) -> Trouble | None:
    """Find a call to a wrong address that was signed with a token of the account."""
    if facts.stray is None or not facts.stray.is_certain:
        return None
    trouble = _describe_wrong_address(Level.WARNING, facts.stray)
    shown = refused(facts, now)
    return None if shown and shown.attempt == trouble.attempt else trouble


def _describe_wrong_address(level: Level, stray: Stray) -> Trouble:
    return Trouble(level, describe_stray(stray), stray.explanation.full_text, stray.attempt)


def describe_stray(stray: Stray) -> str:
    """Return that WeChat called elsewhere, where and when."""
    time, slug = format_short(stray.attempt.recorded_at), stray.attempt.path_slug.strip("/")
    if stray.explanation.cause == "path_since_added":
        return _("WeChat called at {time}, before the account was added").format(time=time)
    if not slug:
        return _("WeChat called the bare domain at {time}").format(time=time)
    return _("WeChat called a wrong address at {time}: {path}").format(
        time=time, path=f"/wechat/{slug}"
    )


# --- The relay


def backend_failing(facts: Facts, now: datetime) -> Trouble | None:
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
        advice = advise(result, backend.last_failure_status)
    return Trouble(Level.FAILING if is_lasting else Level.WARNING, text, advice)


def describe_failing(backend: Backend) -> str:
    """Return since when the backend fails and why, in a few words."""
    assert backend.failing_since is not None
    since = format_short(backend.failing_since)
    if backend.last_failure is None:
        return _("Backend fails since {time}").format(time=since)
    return _("Backend fails since {time}: {reason}").format(
        time=since, reason=name_failure(backend.last_failure, backend.last_failure_status)
    )


def replies_lost(facts: Facts, now: datetime) -> Trouble | None:
    lost = facts.deliveries.lost_replies
    if facts.backend is None or facts.backend.is_failing or lost is None:
        return None
    text = " · ".join(
        filter(None, [describe_lost_replies(facts.deliveries), describe_stored(facts)])
    )
    return Trouble(Level.WARNING, text, advise(lost.result, lost.status))


def describe_lost_replies(hour: Period) -> str:
    """Return how many of the hour's deliveries brought no reply and why, or an empty text."""
    lost = hour.lost_replies
    if lost is None:
        return ""
    return _("{count} of {total} deliveries of the last hour brought no reply: {reason}").format(
        count=f"{lost.count:,}",
        total=f"{hour.delivered + hour.failed:,}",
        reason=name_failure(lost.result, None),
    )


def messages_dead(facts: Facts, now: datetime) -> Trouble | None:
    if not facts.backlog.dead:
        return None
    advice = _(
        "They are not tried again by themselves. The list of messages in the spool says why. "
        "Repair the backend, then press “Retry now” on the account's page, or discard them."
    )
    return Trouble(Level.WARNING, describe_stored(facts), advice)


def messages_wait(facts: Facts, now: datetime) -> Trouble | None:
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
    return Trouble(Level.WARNING, describe_stored(facts), advice)


def spool_full(facts: Facts, now: datetime) -> Trouble | None:
    """Find messages that could not be stored within the last ALERT_MINUTES."""
    full = DeliveryResult.SPOOL_FULL
    span = timedelta(minutes=settings.ALERT_MINUTES)
    failures = facts.deliveries.failures
    if not any(failure.result == full and now - failure.last_at <= span for failure in failures):
        return None
    return Trouble(Level.FAILING, _("No room for waiting messages"), advise(full))


def describe_stored(facts: Facts) -> str:
    """Return what the spool has for the account, and whether no worker delivers it."""
    parts = [describe_waiting(facts.backlog)]
    if facts.is_worker_missing:
        parts.append(_("no worker runs: start manage.py worker"))
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


# --- What nobody reports


def silent(facts: Facts, now: datetime) -> Trouble | None:
    if facts.last_push is None or not facts.is_silent(now):
        return None
    text = _("No messages since {time}").format(time=format_short(facts.last_push))
    advice = _(
        "Check in WeChat's console whether the server is still enabled (启用), with this "
        "account's server URL and token. Send the account a message to test it."
    )
    return Trouble(Level.WARNING, text, advice)


def key_unfit(facts: Facts, now: datetime) -> Trouble | None:
    if not facts.has_unfit_key:
        return None
    advice = _(
        "Compare the EncodingAESKey and the AppID on the account's page with the console. Until a "
        "message fits, encrypted messages are not checked with the key."
    )
    return Trouble(Level.WARNING, _("The EncodingAESKey here does not fit"), advice)


#: Troubles of one level keep this order.
TROUBLES: list[Callable[[Facts, datetime], Trouble | None]] = [
    key_missing,
    rotation_unfinished,
    refused,
    backend_failing,
    spool_full,
    token_shared,
    stray,
    replies_lost,
    messages_dead,
    messages_wait,
    silent,
    key_unfit,
]
