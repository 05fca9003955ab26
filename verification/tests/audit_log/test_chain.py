from __future__ import annotations

import hashlib
import hmac
import inspect
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.db.models import F
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from verification.audit_log import reader
from verification.audit_log.canonical import COLUMNS, VERSION, canonical_line
from verification.audit_log.chain import BrokenChain, Chain
from verification.audit_log.reader import SealBatch, read_lines
from verification.audit_log.verifier import split_by_seal, verify_audit
from verification.callbacks.batch import make_attempt
from verification.callbacks.recording import Unrecorded, verify
from verification.keys import seal_keys
from verification.models import ChainHead, OfficialAccount, Seal, Tally, VerificationAttempt
from verification.models.attempt import RECORD_KEYS
from verification.protocol.client_ip import canonical_ip
from verification.tests.support.adapter import A, B
from verification.tests.support.callback_factory import make_callback
from verification.tests.support.exports import complaints, export_sealed
from verification.tests.support.signer import push, verification
from verification.tests.support.tampering import as_owner


@pytest.fixture
def sealed_log(brand_a: OfficialAccount) -> list[VerificationAttempt]:
    """Seven attempts under three seals: 1–2, 3–6, 7."""
    verify([make_callback(verification(A)), make_callback(verification(B))])
    verify([make_callback(verification(A, nonce=f"n{number}")) for number in range(4)])
    verify(
        [make_callback(push(A), method="POST"), make_callback("signature=1", peer="2001:db8::1")]
    )
    return list(VerificationAttempt.objects.order_by("id"))


def follow_chain(
    attempts: list[VerificationAttempt],
    seals: list[Seal] | None = None,
    head: ChainHead | None = None,
) -> None:
    stored = list(Seal.objects.order_by("id")) if seals is None else seals
    chain = Chain(keys=seal_keys())
    lines = [canonical_line(vars(attempt)) for attempt in attempts]
    for seal, sealed_lines in split_by_seal(SealBatch(stored, lines)):
        chain.follow(seal, sealed_lines)
    chain.verify_head(head or ChainHead.objects.get())


def problem_of(
    attempts: list[VerificationAttempt],
    seals: list[Seal] | None = None,
    head: ChainHead | None = None,
) -> str:
    with pytest.raises(BrokenChain) as raised:
        follow_chain(attempts, seals, head)
    return str(raised.value)


def test_a_batch_is_one_seal_and_the_chain_holds(sealed_log: list[VerificationAttempt]) -> None:
    follow_chain(sealed_log)

    assert [(seal.first_id, seal.count) for seal in Seal.objects.order_by("id")] == [
        (1, 2),
        (3, 4),
        (7, 1),
    ]
    assert [attempt.seal_id for attempt in sealed_log] == [1, 1, 2, 2, 2, 2, 3]


def test_a_seal_is_made_as_the_documentation_says(sealed_log: list[VerificationAttempt]) -> None:
    """Computed by hand, so that old seals can always be checked."""
    first, second, _third = Seal.objects.order_by("id")
    lines = b"".join(canonical_line(vars(attempt)) for attempt in sealed_log[2:6])
    text = bytes(first.digest) + f"1\t{second.key_id}\t2\t3\t4\n".encode() + lines
    digest = hashlib.sha256(text).digest()

    assert bytes(second.digest) == digest
    assert bytes(second.mac) == hmac.new(seal_keys()[second.key_id], digest, "sha256").digest()


def test_no_column_is_forgotten(sealed_log: list[VerificationAttempt]) -> None:
    columns = [field.attname for field in VerificationAttempt._meta.concrete_fields]
    made = set(re.findall(r'"(\w+)": ', inspect.getsource(make_attempt)))
    not_made = {name for name in columns if not {name, name.removesuffix("_id")} & made}

    assert list(COLUMNS) == columns
    assert not_made == {"id", "seal_id", "recorded_at"}  # set when sealed
    assert tuple(sealed_log[0].as_record()) == RECORD_KEYS


def test_a_seal_of_an_unknown_version_proves_nothing(sealed_log: list[VerificationAttempt]) -> None:
    seals = list(Seal.objects.order_by("id"))
    seals[1].version = 99

    with pytest.raises(BrokenChain, match="version 99 of seal 2"):
        follow_chain(sealed_log, seals)


ALTERED = {
    "id": 99,
    "recorded_at": datetime(2020, 1, 1, tzinfo=UTC),
    "signature": b"x" * 20,
    "request_id": "5d0c2f1e-8f4a-4c67-9d1c-0a2b3c4d5e6f",
    "client_ip": "6.6.6.6",
}


@pytest.mark.parametrize("name", COLUMNS)
def test_an_altered_column_breaks_the_chain(
    sealed_log: list[VerificationAttempt], name: str
) -> None:
    before = getattr(sealed_log[3], name)
    other = "x" if isinstance(before, str) else (before or 0) + 1 if name not in ALTERED else None
    setattr(sealed_log[3], name, ALTERED.get(name, other))

    with pytest.raises(BrokenChain, match="seal 2"):
        follow_chain(sealed_log)


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("id", 5, "Seal 2 is missing."),
        ("first_id", 5, "The range of seal 2 (attempts 5 to 8) was altered."),
        ("count", 5, "Something in seal 2 (attempts 3 to 7) was altered."),
        ("count", 1, "Something in seal 2 (attempt 3) was altered."),
        ("version", 5, "The version 5 of seal 2 (attempts 3 to 6) is unknown to this release."),
        ("key_id", "00000000", "Something in seal 2 (attempts 3 to 6) was altered."),
        ("digest", b"x" * 32, "Something in seal 2 (attempts 3 to 6) was altered."),
        ("mac", b"x" * 32, "The MAC of seal 2 (attempts 3 to 6) was not made with our key."),
    ],
)
def test_an_altered_seal_breaks_the_chain(
    sealed_log: list[VerificationAttempt], name: str, value: Any, sentence: str
) -> None:
    seals = list(Seal.objects.order_by("id"))
    setattr(seals[1], name, value)

    assert problem_of(sealed_log, seals) == sentence


@pytest.mark.parametrize("position", range(7))
def test_a_missing_attempt_is_named(sealed_log: list[VerificationAttempt], position: int) -> None:
    with pytest.raises(BrokenChain, match=f"Attempt {position + 1}, in seal"):
        follow_chain(sealed_log[:position] + sealed_log[position + 1 :])


def test_swapped_and_inserted_attempts_are_found(sealed_log: list[VerificationAttempt]) -> None:
    with pytest.raises(BrokenChain, match="out of place"):
        follow_chain([*sealed_log[:2], sealed_log[3], sealed_log[2], *sealed_log[4:]])
    sealed_log[6].id = 8
    sealed_log[6].save(force_insert=True)

    assert verify_audit().problems[0] == "Attempt 8 is not covered by any seal."


def test_a_removed_seal_is_named(sealed_log: list[VerificationAttempt]) -> None:
    seals = list(Seal.objects.order_by("id"))

    with pytest.raises(BrokenChain, match="Seal 2 is missing"):
        follow_chain([*sealed_log[:2], *sealed_log[6:]], [seals[0], seals[2]])


def test_a_log_that_was_never_used_needs_no_head() -> None:
    Chain().verify_head(None)


def test_a_cut_tail_shows_at_the_head(sealed_log: list[VerificationAttempt]) -> None:
    assert problem_of(sealed_log[:6], list(Seal.objects.order_by("id"))[:2]) == (
        "The chain's head is at seal 3, but the log ends with seal 2: "
        "its end was cut off or replaced."
    )


@pytest.mark.parametrize(("field", "value"), [("last_digest", b"x" * 32), ("last_attempt_id", 99)])
def test_a_head_with_the_number_of_the_last_seal_but_not_its_digest_is_named(
    sealed_log: list[VerificationAttempt], field: str, value: Any
) -> None:
    head = ChainHead.objects.get()
    setattr(head, field, value)

    assert problem_of(sealed_log, head=head) == (
        "The chain's head is not that of seal 3, the last one: its digest or its last attempt "
        "differs."
    )


def test_a_seal_made_with_another_key_is_refused(
    sealed_log: list[VerificationAttempt], settings: Any
) -> None:
    settings.TOKEN_ENCRYPTION_KEYS = ["another key, of thirty-two letters or more"]

    assert problem_of(sealed_log) == (
        f"The key {Seal.objects.all()[0].key_id} of seal 1 (attempts 1 to 2) is not in "
        "TOKEN_ENCRYPTION_KEYS, so its MAC cannot be checked. Put the key back, at the end."
    )


def test_without_keys_the_digests_are_still_verified(
    sealed_log: list[VerificationAttempt],
) -> None:
    seals = list(Seal.objects.order_by("id"))
    seals[1].mac = b"x" * 32
    chain = Chain()
    lines = [canonical_line(vars(attempt)) for attempt in sealed_log]
    for seal, sealed_lines in split_by_seal(SealBatch(seals, lines)):
        chain.follow(seal, sealed_lines)

    chain.verify_head(ChainHead.objects.get())


def test_a_new_key_seals_and_the_old_one_still_verifies(
    sealed_log: list[VerificationAttempt], settings: Any
) -> None:
    settings.TOKEN_ENCRYPTION_KEYS = [
        "a new key in front, of 32 letters or so",
        *settings.TOKEN_ENCRYPTION_KEYS,
    ]
    [verdict] = verify([make_callback(verification(A))])

    assert verdict.status == 200  # the old key decrypts the token
    assert len(set(Seal.objects.values_list("key_id", flat=True))) == 2
    assert verify_audit().problems == []


class TestTampering:
    """Changes by the owner of the database, who can disable the triggers."""

    def test_an_altered_row_is_found(self, sealed_log: list[VerificationAttempt]) -> None:
        as_owner(VerificationAttempt, "UPDATE {table} SET client_ip = '6.6.6.6' WHERE id = 4")

        assert verify_audit().problems == ["Something in seal 2 (attempts 3 to 6) was altered."]

    def test_a_row_with_text_that_is_never_stored_is_found(
        self, sealed_log: list[VerificationAttempt]
    ) -> None:
        as_owner(VerificationAttempt, "UPDATE {table} SET user_agent = '微信' WHERE id = 7")

        assert verify_audit().problems == ["Something in seal 3 (attempt 7) was altered."]

    def test_a_deleted_row_is_found_and_the_tally_disagrees(
        self, sealed_log: list[VerificationAttempt]
    ) -> None:
        as_owner(VerificationAttempt, "DELETE FROM {table} WHERE id = 2")
        first, second = verify_audit().problems

        assert first == "Attempt 2, in seal 1 (attempts 1 to 2), is missing or out of place."
        assert "says 2, but its attempts add up to 1" in second

    def test_a_changed_tally_is_found(self, sealed_log: list[VerificationAttempt]) -> None:
        Tally.objects.filter(outcome=1, kind=1).update(count=100)

        [problem] = verify_audit().problems
        assert "says 100, but its attempts add up to 5" in problem

    def test_refusals_passed_off_as_internet_noise_are_found(
        self, sealed_log: list[VerificationAttempt]
    ) -> None:
        Tally.objects.filter(outcome=2).update(noise=F("count"))

        [problem] = verify_audit().problems
        assert "says that 2 were internet noise, but 1 of its attempts were" in problem

    def test_a_missing_head_is_found_and_no_more_callbacks_are_recorded(
        self, sealed_log: list[VerificationAttempt]
    ) -> None:
        as_owner(ChainHead, "DELETE FROM {table}")

        assert verify_audit().problems == ["There are seals, but the chain's head is missing."]
        with pytest.raises(Unrecorded):
            verify([make_callback(verification(A))])

    def test_a_missing_trigger_is_found(self, sealed_log: list[VerificationAttempt]) -> None:
        on_table = " ON verification_seal" if connection.vendor == "postgresql" else ""
        with connection.cursor() as cursor:
            cursor.execute(f"DROP TRIGGER seal_refuses_delete{on_table}")

        assert verify_audit().problems == [
            "The trigger seal_refuses_delete of verification_seal is missing."
        ]


@pytest.mark.postgresql
def test_postgresql_writes_the_canonical_line_itself(sealed_log: list[VerificationAttempt]) -> None:
    lines = [canonical_line(vars(attempt)) for attempt in sealed_log]

    assert read_lines(1, 7, VERSION) == lines


@pytest.mark.postgresql
@hypothesis_settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(st.ip_addresses(), st.datetimes(datetime(2020, 1, 1), datetime(2090, 1, 1)))
def test_addresses_and_times_are_written_as_postgresql_writes_them(
    db: None, address: object, time: datetime
) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL timezone = 'UTC'")
        cursor.execute(
            "SELECT %s::inet::text, %s::timestamptz::text", [canonical_ip(str(address)), time]
        )
        stored_address, stored_time = cursor.fetchone()

    assert (stored_address or "").partition("/")[0] == (canonical_ip(str(address)) or "")
    assert stored_time == COLUMNS["recorded_at"](time.replace(tzinfo=UTC))


@pytest.mark.postgresql
@pytest.mark.parametrize("attempt_id", [1, 2, 4, 7])
def test_a_second_attempt_under_an_id_is_found_by_verify_audit_and_in_a_sealed_export(
    sealed_log: list[VerificationAttempt], attempt_id: int, tmp_path: Path
) -> None:
    """Without the primary key, the owner can add an attempt that no seal covers, and count it."""
    table = VerificationAttempt._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {table}_pkey")
        cursor.execute(f"CREATE INDEX {table}_pkey ON {table} (id)")
        cursor.execute(f"INSERT INTO {table} SELECT * FROM {table} WHERE id = {attempt_id}")
    Tally.objects.update(count=F("count") + 1)
    problems = verify_audit().problems

    assert any(f"Attempt {attempt_id}, in seal" in text for text in problems)
    assert any("appears more than once." in text for text in problems)
    assert any(text.startswith(f"The constraint {table}_pkey") for text in problems)
    assert "appears more than once." in complaints(export_sealed(tmp_path / "log.jsonl"))[0]


@pytest.mark.postgresql
@pytest.mark.parametrize("seal_id", [1, 2, 3])
@pytest.mark.parametrize("batch_size", [1, 2, 1000])
def test_a_second_seal_under_an_id_is_found(
    sealed_log: list[VerificationAttempt],
    seal_id: int,
    batch_size: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reader, "MAX_SEALS", batch_size)
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE verification_seal DROP CONSTRAINT verification_seal_pkey")
        cursor.execute(
            f"INSERT INTO verification_seal SELECT * FROM verification_seal WHERE id = {seal_id}"
        )

    report = verify_audit()
    assert [text for text in report.problems if text not in report.schema.differences]
