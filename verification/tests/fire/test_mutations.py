"""verify_audit finds every single change that the owner of the database can make."""

from __future__ import annotations

import random
import secrets

import pytest

from verification.audit_log.change_check import ChangeLogCheck
from verification.audit_log.verifier import verify_audit, verify_kept_head
from verification.callbacks.recording import verify
from verification.models import ChainHead, OfficialAccount
from verification.protocol.callback import Callback
from verification.tests.fire.conftest import RecordFigure
from verification.tests.fire.support.run_length import short_or_long
from verification.tests.support.adapter import A, B
from verification.tests.support.callback_factory import make_callback
from verification.tests.support.changes import Changes
from verification.tests.support.mutations import Mutator, undone
from verification.tests.support.signer import push, verification

MUTATIONS, CLEAN_LOGS = short_or_long(300, 10_000), short_or_long(3, 100)


def draw_callback(draws: random.Random) -> Callback:
    token, nonce = draws.choice([A, B, "NobodysToken99"]), str(draws.randrange(10**10))
    return draws.choice(
        [
            make_callback(verification(token, nonce=nonce), peer=f"10.0.0.{draws.randrange(250)}"),
            make_callback(verification(token, nonce=nonce), path=b"/wechat/brand-b"),
            make_callback(push(token, nonce=nonce), method="POST"),
            make_callback("signature=1", peer="2001:db8::1"),
            make_callback("", path=b"/wechat/nobody"),
        ]
    )


@pytest.fixture
def seed(brand_a: OfficialAccount, brand_b: OfficialAccount) -> int:
    return secrets.randbelow(10**9)


def make_log(seed: int, accounts: list[OfficialAccount]) -> None:
    """Record twelve batches of one to six callbacks, with a change of an account after each."""
    draws = random.Random(seed)
    changes = Changes(draws)
    verify([make_callback(verification(A))])
    for _ in range(12):
        verify([draw_callback(draws) for _ in range(draws.randint(1, 6))])
        changes.make(draws.choice(accounts))
    for account in accounts:  # so that there is something of each kind to mutate
        changes.rotate(account)
        changes.rotate_key(account)
        changes.set_backend(account)


class Kept:
    """Holds what was kept outside of the database: the head, and the end of the change log."""

    def __init__(self) -> None:
        self.head = ChainHead.objects.get()
        self.changes = ChangeLogCheck()
        self.problems = list(self.changes.run())

    def find_problems(self) -> list[str]:
        report = verify_audit()
        verify_kept_head(report, self.head.last_seal_id, bytes(self.head.last_digest))
        cut = filter(None, [self.changes.find_cut()])
        return [*self.problems, *report.problems, *cut]


def test_every_mutation_is_detected(
    seed: int, brand_a: OfficialAccount, brand_b: OfficialAccount, figure: RecordFigure
) -> None:
    make_log(seed, [brand_a, brand_b])
    kept, mutator, unseen = Kept(), Mutator(seed), []
    for number in range(MUTATIONS):
        with undone():
            mutation = mutator.mutate()
            if not kept.find_problems():
                unseen.append(f"seed {seed}, mutation {number}: {mutation}")
    figure(
        "Whatever somebody changes in the database itself is found",
        target=f"{MUTATIONS:,} random changes of attempts, seals, counts, the change log, "
        "accounts, tokens, keys and backends, all found",
        measured=f"{MUTATIONS - len(unseen):,} found",
        is_met=not unseen,
    )

    assert unseen == []
    assert kept.find_problems() == []  # every mutation was undone


def test_a_clean_log_raises_no_alarm(
    seed: int, brand_a: OfficialAccount, brand_b: OfficialAccount, figure: RecordFigure
) -> None:
    followed, alarms = ChangeLogCheck(), []
    for number in range(CLEAN_LOGS):
        make_log(seed + number, [brand_a, brand_b])  # continues the last one
        problems = [*Kept().find_problems(), *filter(None, [followed.find_cut()]), *followed.run()]
        alarms += [f"seed {seed + number}: {problem}" for problem in problems]
    figure(
        "A log that nobody tampered with raises no alarm",
        target=f"{CLEAN_LOGS} random logs with changes between the batches, no alarm",
        measured=f"{len(alarms)} alarms",
        is_met=not alarms,
    )

    assert alarms == []
