"""verify_audit finds every single change that the owner of the database can make.

Before a release, run more of them: MUTATIONS=10000 script/test -k mutations
"""

from __future__ import annotations

import os
import random
import secrets

import pytest

from verification.audit_log.change_check import ChangeLogCheck
from verification.audit_log.verifier import verify_audit, verify_kept_head
from verification.callbacks.recording import verify
from verification.models import ChainHead, OfficialAccount
from verification.protocol.callback import Callback
from verification.tests.support.adapter import A, B
from verification.tests.support.callback_factory import make_callback
from verification.tests.support.changes import Changes
from verification.tests.support.mutations import Mutator, undone
from verification.tests.support.signer import push, verification

MUTATIONS = int(os.environ.get("MUTATIONS", "300"))
CLEAN_LOGS = max(3, MUTATIONS // 100)


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
        assert list(self.changes.run()) == []

    def find_problems(self) -> list[str]:
        report = verify_audit()
        verify_kept_head(report, self.head.last_seal_id, bytes(self.head.last_digest))
        return [*report.problems, *filter(None, [self.changes.find_cut()])]


def test_every_mutation_is_detected(
    seed: int, brand_a: OfficialAccount, brand_b: OfficialAccount
) -> None:
    make_log(seed, [brand_a, brand_b])
    kept, mutator = Kept(), Mutator(seed)
    for number in range(MUTATIONS):
        with undone():
            mutation = mutator.mutate()
            assert kept.find_problems(), f"seed {seed}, mutation {number}: {mutation}"
    assert kept.find_problems() == []  # every mutation was undone


def test_a_clean_log_raises_no_alarm(
    seed: int, brand_a: OfficialAccount, brand_b: OfficialAccount
) -> None:
    followed = ChangeLogCheck()
    for number in range(CLEAN_LOGS):
        make_log(seed + number, [brand_a, brand_b])  # continues the last one
        assert Kept().find_problems() == [], f"seed {seed + number}"
        assert followed.find_cut() is None
        assert list(followed.run()) == [], f"seed {seed + number}"
