"""Forward accepted pushes to the account's backend, and decide what WeChat is answered."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from datetime import timedelta

from django.utils import timezone

from verification.db.errors import locate
from verification.fields import UndecryptableSecret
from verification.protocol.callback import Callback, Push
from verification.protocol.enums import DeliveryResult, Kind
from verification.protocol.reply import LOOP, SUCCESS, TRY_AGAIN, AcceptedPush, Reply, Target
from verification.relay.client import BackendClient, BackendFailure, Forwarded
from verification.relay.decrypted import make_plain
from verification.relay.identity import follower_key, webhook_id
from verification.relay.payload import Payload
from verification.relay.replies import usable_reply
from verification.relay.results import OWN, Finished
from verification.relay.spool import BUDGET as STORE_BUDGET
from verification.relay.spool import SpoolFull, SpoolUnavailable, WaitingPush
from verification.relay.webhooks import make_forwarded
from verification.relay.writer import Spool

logger = logging.getLogger(__name__)

#: Seconds from a push's arrival in which its backend must answer. WeChat waits 5 s.
BACKEND_DEADLINE = 3.5
CONNECT_TIMEOUT = 1.0
#: Seconds from a push's arrival to its answer, whatever was tried before it is stored.
ANSWER_DEADLINE = 4.5
#: Pushes of an account that a process forwards at a time, so that a slow backend holds up no other.
MAX_IN_FLIGHT = 64
#: Pushes with one signature that a process forwards in a minute. WeChat sends a push three times at
#: most, and anyone who has seen its address can send it again with another body.
MAX_REPEATS = 20
#: Signatures that are counted, which takes about a megabyte.
MAX_SIGNATURES = 4_096


class Relay:
    """Forwards the pushes of a process."""

    def __init__(self, spool: Spool) -> None:
        self.spool = spool
        self.client = BackendClient()
        self.in_flight: Counter[int] = Counter()

    async def close(self) -> None:
        await self.client.close()

    async def answer(self, callback: Callback, accepted: AcceptedPush) -> Reply | None:
        """Forward a push, or store it, and return the reply.

        None means that WeChat must be left without an answer, so that it sends the push again.
        """
        assert callback.push is not None
        target, push = accepted.target, callback.push
        if push.is_forwarded:
            self._record(target, DeliveryResult.LOOP)
            return LOOP
        if accepted.is_replayed or not repeats.may_forward(callback.signature or b""):
            self._record(target, DeliveryResult.REPLAYED)
            return TRY_AGAIN
        is_kept = target.keeps_messages and callback.kind is not Kind.SELF_TEST
        if is_kept and (target.is_open or target.has_waiting):
            stored = await self._store_untried(callback, accepted)
            if stored is not False:
                return SUCCESS if stored else None
        try:
            reply = await self._forward(callback, push, accepted)
        except BackendFailure as failure:
            self._record(target, failure.result, failure.status)
            if callback.kind is Kind.SELF_TEST:
                return Reply(502, describe_failure(failure))
            if failure.is_taken:  # Its reply is unusable, but it must not get the message again.
                return SUCCESS
            if not is_kept:
                return None
            stored = await self._store(callback, accepted, only_behind=False, failure=failure)
            return SUCCESS if stored else None
        return reply

    async def _store_untried(self, callback: Callback, accepted: AcceptedPush) -> bool | None:
        """Store a push without trying the backend; return False if the backend is to be tried.

        That is so if nothing of the follower waits, and the circuit is closed or a probe is due.
        """
        target = accepted.target
        # A message that cannot be sent to the backend is no probe.
        is_probe = target.is_probe_due and accepted.problem is None
        may_try = is_probe or not target.is_open
        stored = await self._store(callback, accepted, only_behind=may_try, failure=None)
        if stored is False and target.is_open:
            if await self._claim_probe(target):
                return False
            return await self._store(callback, accepted, only_behind=False, failure=None)
        return stored

    async def _claim_probe(self, target: Target) -> bool:
        try:
            async with asyncio.timeout(STORE_BUDGET):
                return await self.spool.claim_probe(target.account_id)
        except TimeoutError:
            return False

    async def _forward(self, callback: Callback, push: Push, accepted: AcceptedPush) -> Reply:
        """Send a push to the backend and return the reply. Raises BackendFailure."""
        target = accepted.target
        if accepted.problem is not None:
            raise BackendFailure(accepted.problem)
        if self.in_flight[target.account_id] >= MAX_IN_FLIGHT:
            raise BackendFailure(DeliveryResult.BUSY)
        try:
            forwarded = make_request(callback, push, accepted)
        except UndecryptableSecret:
            raise BackendFailure(DeliveryResult.KEY_MISSING) from None
        seconds = max(BACKEND_DEADLINE - callback.elapsed / 1_000_000, 0.1)
        self.in_flight[target.account_id] += 1
        started = time.perf_counter()
        try:
            answer = await self.client.send(
                forwarded, connect_timeout=min(CONNECT_TIMEOUT, seconds), timeout=seconds
            )
        except BackendFailure:
            raise
        except Exception as error:
            logger.error("A push could not be forwarded: %s", locate(error))
            raise BackendFailure(DeliveryResult.CONNECTION_LOST) from None
        finally:
            self.in_flight[target.account_id] -= 1
        reply = usable_reply(answer, accepted)
        if reply is None:
            raise BackendFailure(DeliveryResult.UNUSABLE_REPLY, answer.status)
        seconds = time.perf_counter() - started
        self._record(target, DeliveryResult.DELIVERED, answer.status, seconds)
        return reply

    async def _store(
        self,
        callback: Callback,
        accepted: AcceptedPush,
        *,
        only_behind: bool,
        failure: BackendFailure | None,
    ) -> bool | None:
        """Store a push, and return whether it is stored.

        None means that it should have been stored, but could not be.
        """
        assert callback.push is not None
        waiting = WaitingPush(
            account_id=accepted.target.account_id,
            webhook_id=webhook_id(callback.push, accepted),
            follower=follower_key(callback.push, accepted),
            request_id=callback.request_id,
            received_at=timezone.now() - timedelta(microseconds=callback.elapsed),
            query=callback.push.query,
            content_type=callback.push.content_type,
            body=callback.push.body or b"",
            result=failure.result if failure else None,
            status=failure.status if failure else None,
            only_behind=only_behind,
        )
        seconds = min(STORE_BUDGET, ANSWER_DEADLINE - callback.elapsed / 1_000_000)
        try:
            async with asyncio.timeout(seconds):
                return await self.spool.store(waiting)
        except SpoolFull:
            self._record(accepted.target, DeliveryResult.SPOOL_FULL)
        except (SpoolUnavailable, TimeoutError):
            pass  # The spool has logged it.
        return None

    def _record(
        self,
        target: Target,
        result: DeliveryResult,
        status: int | None = None,
        seconds: float = 0,
    ) -> None:
        finished = Finished(target.account_id, timezone.now(), result, status, seconds)
        # A circuit opens and closes without delay, in all processes. Only keep consults it.
        says_something = not finished.is_taken and finished.result not in OWN
        is_urgent = target.keeps_messages and (target.is_failing or says_something)
        self.spool.record(finished, is_urgent=is_urgent)


class RepeatLimit:
    """Counts how often a process forwards pushes with the same signature in a minute."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.minute, self.counts = 0, Counter[bytes]()

    def may_forward(self, signature: bytes) -> bool:
        """Count a push, and return whether it may be forwarded."""
        minute = current_minute()
        if minute != self.minute or len(self.counts) >= MAX_SIGNATURES:
            self.minute, self.counts = minute, Counter()
        self.counts[signature] += 1
        return self.counts[signature] <= MAX_REPEATS

    def is_exhausted(self, signature: bytes) -> bool:
        """Return whether no push with this signature may be forwarded in this minute."""
        return self.minute == current_minute() and self.counts[signature] >= MAX_REPEATS


def current_minute() -> int:
    return int(time.monotonic() // 60)


repeats = RepeatLimit()


def make_request(callback: Callback, push: Push, accepted: AcceptedPush) -> Forwarded:
    """Return the request to the backend, with headers of our own.

    Query and body are as they arrived, unless the backend gets the message decrypted.
    """
    payload = Payload(push.query, push.content_type, push.body or b"")
    if accepted.reply_encryption is not None:
        payload = make_plain(payload, accepted.plaintext or b"")
    identity = webhook_id(push, accepted)
    return make_forwarded(accepted.target, identity, callback.request_id, payload)


def describe_failure(failure: BackendFailure) -> bytes:
    """Return the body of the reply to a failed test message: what failed, and the status."""
    return f"{failure.result.label} {failure.status or ''}".strip().encode()
