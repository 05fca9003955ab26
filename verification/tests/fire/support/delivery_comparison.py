"""Compares the messages that were sent with those that a backend got."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from verification.tests.fire.support.followers import Sent
from verification.tests.fire.support.recording_backend import Receipt
from verification.tests.fire.support.spool_workers import Kill

#: Seconds from a receipt to the kill that kept a worker from recording it: a delivery and a write.
WORKER_SPAN = 15
#: Seconds from a receipt to the stop that kept the backend from answering.
BACKEND_SPAN = 1
#: Seconds around a stop of PostgreSQL in which a delivery may not have been recorded.
DATABASE_SPAN = 15
#: A forward that takes longer is given up, and the message is stored.
FORWARD_TIMEOUT = 3.4


class Faults(NamedTuple):
    kills: Sequence[Kill]  #: of workers
    backend_stops: Sequence[float]
    database_stops: Sequence[float]

    def __str__(self) -> str:
        return (
            f"{len(self.backend_stops)} stops of the backend, {len(self.kills)} kills of workers, "
            f"{len(self.database_stops)} stops of PostgreSQL"
        )


@dataclass
class Comparison:
    answered: int = 0  #: messages that were answered `success`
    lost: list[Sent] = field(default_factory=list)
    #: Messages whose first receipt came before that of an earlier one of the same follower.
    disordered: list[Receipt] = field(default_factory=list)
    #: Repeats that came after a later message of the follower.
    late_repeats: list[Receipt] = field(default_factory=list)
    repeats_by_cause: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    unexplained: list[Receipt] = field(default_factory=list)

    @property
    def is_met(self) -> bool:
        return not (self.lost or self.disordered or self.unexplained)

    def __str__(self) -> str:
        causes = ", ".join(f"{count} {cause}" for cause, count in self.repeats_by_cause.items())
        return (
            f"{len(self.lost)} lost, {len(self.disordered)} out of order and "
            f"{len(self.unexplained)} sent twice without a cause, of {self.answered:,} answered; "
            f"sent twice with one: {causes or 'none'}"
        )


def compare(sent: Sequence[Sent], receipts: Sequence[Receipt], faults: Faults) -> Comparison:
    got: dict[tuple[int, int], list[Receipt]] = defaultdict(list)
    for receipt in receipts:
        got[receipt.follower, receipt.number].append(receipt)
    compared = Comparison()
    latest: dict[int, float] = {}  # when the newest message of a follower first arrived
    for message in sorted(sent):
        if not message.is_answered:
            continue
        compared.answered += 1
        arrived = got.get((message.follower, message.number))
        if not arrived:
            compared.lost.append(message)
            continue
        if arrived[0].at < latest.get(message.follower, 0):
            compared.disordered.append(arrived[0])
        latest[message.follower] = max(arrived[0].at, latest.get(message.follower, 0))
        for former, repeat in pairwise(arrived):
            cause = find_cause(former, message, faults)
            if cause:
                compared.repeats_by_cause[cause] += 1
            else:
                compared.unexplained.append(repeat)
            following = got.get((message.follower, message.number + 1))
            if following and following[0].at < repeat.at:
                compared.late_repeats.append(repeat)
    return compared


def find_cause(former: Receipt, message: Sent, faults: Faults) -> str:
    """Return why nobody knew that the backend had got the message, or nothing."""
    if any(
        former.port in kill.ports and 0 <= kill.at - former.at <= WORKER_SPAN
        for kill in faults.kills
    ):
        return "after a kill of the worker"
    if any(0 <= stop - former.at <= BACKEND_SPAN for stop in faults.backend_stops):
        return "after a stop of the backend"
    if any(abs(stop - former.at) <= DATABASE_SPAN for stop in faults.database_stops):
        return "around a stop of PostgreSQL"
    if len(message.statuses) > 1:
        return "after WeChat had to send them again"
    if message.slowest > FORWARD_TIMEOUT:
        return "after a timeout"
    return ""
