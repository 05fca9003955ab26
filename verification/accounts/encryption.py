"""Reads what encrypts test calls, and reports a key that does not fit what the platform sent."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from verification.accounts.facts import read_facts
from verification.accounts.problems.stored_secrets import advise_on_unfit_key
from verification.accounts.rotation import current_secret
from verification.diagnosis.names import join_sentences
from verification.models import AESKey, OfficialAccount
from verification.protocol.encryption import decode_aes_key
from verification.self_test.checks import Check, Result, check
from verification.self_test.client import Encryption, Probe


def read_encryption(account: OfficialAccount) -> Encryption | None:
    """Return what encrypts the account's messages, or None if it has no EncodingAESKey.

    Raises UndecryptableSecret, and ValidationError if the account has no AppID or CorpID.
    """
    key = current_secret(AESKey, account)
    if key is None or key.secret is None:
        return None
    if not account.app_id:
        sentence = _(
            "The account has no %(id)s, which each encrypted message ends with. Enter it on the "
            "account's page, or with set_account --app-id."
        )
        raise ValidationError(sentence, params={"id": account.id_name})
    return Encryption(decode_aes_key(key.secret.reveal()), account.app_id, account.suite_id)


def require_encryption(account: OfficialAccount) -> Encryption:
    """Return what encrypts the account's messages.

    Raises UndecryptableSecret, and ValidationError if the account lacks the key, or its id.
    """
    encryption = read_encryption(account)
    if encryption is None:
        sentence = _(
            "The account has no EncodingAESKey. Enter it on the account's page, or run set_aes_key "
            "%(slug)s --key -."
        )
        raise ValidationError(sentence, params={"slug": account.slug})
    return encryption


def read_check_encryption(account: OfficialAccount) -> Encryption | None:
    """Return what encrypts the echostr of a URL verification: None unless WeCom sends it.

    Raises what require_encryption() raises.
    """
    return require_encryption(account) if account.is_wecom else None


def explain_unfit_key(account: OfficialAccount) -> tuple[str, str] | None:
    """Return why a test that passed proves nothing about the account's key, and what to do.

    A test is encrypted with the key that is stored here, so it fits whatever the console has.
    Return None unless that key has failed to decrypt what the platform sent, and never succeeded.
    """
    facts = read_facts([account], timezone.now())[account.pk]
    if not facts.has_unfit_key:
        return None
    sentence = gettext(
        "This test was encrypted with the EncodingAESKey that is stored here, but nothing that "
        "{caller} has sent so far fits that key and the {id_name}."
    )
    sentence = sentence.format(caller=account.caller, id_name=account.id_name)
    return sentence, advise_on_unfit_key(facts)


def check_verification(probe: Probe, account: OfficialAccount) -> list[Check]:
    """Return what check() finds, and a failure if the echostr was encrypted with an unfit key."""
    checks = check(probe)
    if probe.is_wecom and (unfit := explain_unfit_key(account)):
        checks.append(Check("EncodingAESKey", Result.FAILED, join_sentences(*unfit)))
    return checks
