"""Conditions of the encryption keys. A condition is a function that returns a finding, or None."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.utils.translation import gettext as _

from verification.alerts.finding import Finding, link_to
from verification.alerts.snapshot import Snapshot
from verification.diagnosis.missing_keys import explain_missing_key
from verification.diagnosis.names import name_accounts
from verification.keys import MISSING_KEY_ADVICE
from verification.times import format_datetime

KEY = "key_missing"


def key_missing(snapshot: Snapshot) -> Finding | None:
    """Report that this process, or one that answers callbacks, cannot decrypt a valid secret.

    It ends when this process can decrypt all secrets, and for ALERT_MINUTES no callback was refused
    because of a missing key.
    """
    explanation = _explain_lost_secrets(snapshot)
    link = link_to("verification_officialaccount_changelist")
    if explanation:
        text = _("At {time}: {explanation}").format(
            time=format_datetime(snapshot.now), explanation=explanation
        )
        return Finding(KEY, snapshot.now, _title(), text, link)
    refused_at = snapshot.last_key_refusal_at
    if refused_at:
        text = _(
            "At {time}, a request was refused because the process that answered could not decrypt "
            "a token. This process can decrypt all tokens, so the other one probably has other "
            "TOKEN_ENCRYPTION_KEYS. Restart all processes with the same keys."
        ).format(time=format_datetime(refused_at))
        return Finding(KEY, refused_at, _title(), text, link)
    alert = snapshot.open_alerts.get(KEY)
    if alert is None or snapshot.now - alert.seen_at <= timedelta(minutes=settings.ALERT_MINUTES):
        return None
    text = _("No request has been refused because of a missing key since {time}.").format(
        time=format_datetime(alert.seen_at)
    )
    title = _("All tokens can be decrypted again")
    return Finding(KEY, snapshot.now, title, text, link, is_over=True)


def _title() -> str:
    return _("A key is missing in TOKEN_ENCRYPTION_KEYS")


def _explain_lost_secrets(snapshot: Snapshot) -> str:
    """Return which secrets this process cannot decrypt and what to do, or an empty text."""
    facts = snapshot.facts
    without_token = [
        account
        for account in snapshot.accounts
        if facts[account.pk].undecryptable_token(snapshot.now)
    ]
    if without_token:
        return explain_missing_key(without_token)
    lost = [account for account in snapshot.accounts if facts[account.pk].lost_secrets]
    if not lost:
        return ""
    return _(
        "This server cannot decrypt the EncodingAESKey or the webhook secret of {accounts}, "
        "because TOKEN_ENCRYPTION_KEYS lacks the key that encrypted it. {advice}"
    ).format(accounts=name_accounts(lost), advice=MISSING_KEY_ADVICE)
