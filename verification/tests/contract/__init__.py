"""What every adapter must do with a callback. Subclasses say how a request is sent."""

from __future__ import annotations

from verification.tests.contract.adapter import A, Answer, B, last_attempt
from verification.tests.contract.addresses import Addresses
from verification.tests.contract.message_pushes import MessagePushes
from verification.tests.contract.parameters import Parameters
from verification.tests.contract.records import Records
from verification.tests.contract.refusals import Refusals
from verification.tests.contract.self_tests import SelfTests
from verification.tests.contract.url_verifications import UrlVerifications

__all__ = ["A", "Answer", "B", "CallbackContract", "last_attempt"]


class CallbackContract(
    UrlVerifications, MessagePushes, SelfTests, Refusals, Parameters, Addresses, Records
):
    """Collected once for each adapter, because its own name does not begin with Test."""
