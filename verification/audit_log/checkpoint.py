"""Seals the place where a pruned log begins, so that cutting off more of it is detected."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import partial

from django.utils import timezone
from django.utils.translation import gettext as _

from verification.audit_log.canonical import encode_time
from verification.audit_log.chain import verify_mac
from verification.keys import compute_mac, seal_keys
from verification.models import ChainHead, Checkpoint, Seal


def start_of_log(checkpoint: Checkpoint | None) -> ChainHead:
    """Return the place that the oldest stored seal continues: the checkpoint, or the beginning."""
    return checkpoint.place if checkpoint else ChainHead()


def verified_start_of_log() -> ChainHead:
    """Return the start of the log. Raise BrokenChain if the checkpoint is not ours."""
    checkpoint = Checkpoint.objects.first()
    if checkpoint:
        verify_checkpoint(checkpoint, seal_keys())
    return start_of_log(checkpoint)


def make_checkpoint(last: Seal, recorded_at: datetime, actor: str) -> Checkpoint:
    """Return a checkpoint for a log that begins after the seal `last`, not saved yet.

    `recorded_at` is the time of the last attempt that `last` covers.
    """
    key_id, key = next(iter(seal_keys().items()))
    checkpoint = Checkpoint(
        last_seal_id=last.id,
        last_attempt_id=last.last_id,
        recorded_at=recorded_at,
        pruned_at=timezone.now(),
        actor=actor,
        key_id=key_id,
        digest=bytes(last.digest),
    )
    checkpoint.mac = compute_mac(key, checkpoint_text(checkpoint))
    return checkpoint


def verify_checkpoint(checkpoint: Checkpoint, keys: Mapping[str, bytes]) -> None:
    """Raise BrokenChain unless the checkpoint is unchanged and one of `keys` made its MAC."""
    verify_mac(partial(_name, checkpoint), checkpoint, checkpoint_text(checkpoint), keys)


def _name(checkpoint: Checkpoint) -> str:
    return _("the checkpoint at seal {seal}").format(seal=checkpoint.last_seal_id)


def checkpoint_text(checkpoint: Checkpoint) -> bytes:
    """Return the text that the checkpoint's MAC covers.

    It is longer than a digest, so the MAC of a seal never fits a checkpoint.
    """
    parts = [
        "checkpoint 1",
        str(checkpoint.last_seal_id),
        str(checkpoint.last_attempt_id),
        encode_time(checkpoint.recorded_at),
        encode_time(checkpoint.pruned_at),
        checkpoint.key_id,
        bytes(checkpoint.digest).hex(),
        checkpoint.actor,  # last, because it is the only part that may contain any character
    ]
    return "\t".join(parts).encode()
