"""The contract tests of adapters. Subclasses implement send()."""

from __future__ import annotations

from verification.tests.callbacks.contract.addresses import Addresses
from verification.tests.callbacks.contract.encrypted_messages import EncryptedMessages
from verification.tests.callbacks.contract.message_pushes import MessagePushes
from verification.tests.callbacks.contract.parameters import Parameters
from verification.tests.callbacks.contract.records import Records
from verification.tests.callbacks.contract.refusals import Refusals
from verification.tests.callbacks.contract.relays import Relays
from verification.tests.callbacks.contract.self_tests import SelfTests
from verification.tests.callbacks.contract.spooling import Spooling
from verification.tests.callbacks.contract.url_verifications import UrlVerifications
from verification.tests.callbacks.contract.wecom_calls import WeComCalls

__all__ = ["CallbackContract"]


class CallbackContract(
    UrlVerifications,
    MessagePushes,
    Relays,
    EncryptedMessages,
    Spooling,
    SelfTests,
    Refusals,
    Parameters,
    Addresses,
    Records,
    WeComCalls,
):
    """All tests of the contract. pytest collects them in subclasses whose name starts with Test."""
