"""What every adapter must do with a callback. Subclasses say how a request is sent."""

from __future__ import annotations

from verification.tests.callbacks.contract.addresses import Addresses
from verification.tests.callbacks.contract.message_pushes import MessagePushes
from verification.tests.callbacks.contract.parameters import Parameters
from verification.tests.callbacks.contract.records import Records
from verification.tests.callbacks.contract.refusals import Refusals
from verification.tests.callbacks.contract.self_tests import SelfTests
from verification.tests.callbacks.contract.url_verifications import UrlVerifications

__all__ = ["CallbackContract"]


class CallbackContract(
    UrlVerifications, MessagePushes, SelfTests, Refusals, Parameters, Addresses, Records
):
    """Collected once for each adapter, because its own name does not begin with Test."""
