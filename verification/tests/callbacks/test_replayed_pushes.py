from __future__ import annotations

from verification.callbacks.recording import verify
from verification.models import OfficialAccount
from verification.protocol.message import Message
from verification.relay.forward import MAX_REPEATS, repeats
from verification.tests.support.adapter import A
from verification.tests.support.backend import FakeBackend, set_backend
from verification.tests.support.callback_factory import make_callback
from verification.tests.support.signer import push


def test_the_body_of_a_push_that_was_repeated_too_often_is_not_read(
    brand_a: OfficialAccount, backend: FakeBackend
) -> None:
    """Reading large ones would make the callbacks of all accounts wait."""
    set_backend(brand_a, backend.url)
    callback = make_callback(push(A, nonce="copied"), method="POST", body=b"not a message")
    assert verify([callback])[0].status == 400

    for _ in range(MAX_REPEATS):
        repeats.may_forward(callback.signature or b"")
    replayed = verify([callback])[0].push
    assert replayed is not None
    assert (replayed.is_replayed, replayed.message) == (True, Message())
