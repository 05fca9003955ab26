"""Checking one seal by itself, as a page about one attempt shows it; audit.py checks them all."""

from __future__ import annotations

from django.utils.translation import gettext as _

from verification.chain import BrokenChain, Chain
from verification.checkpoint import start_of_log
from verification.keys import seal_keys
from verification.models import ChainHead, Seal
from verification.sealed_log import read_lines


def verify_seal(seal: Seal) -> None:
    """Whether it continues the seal before it and covers its attempts as they are now.

    Raises BrokenChain.
    """
    lines = read_lines(seal.first_id, seal.last_id, seal.version)
    Chain(place_before(seal), seal_keys()).follow(seal, lines)


def place_before(seal: Seal) -> ChainHead:
    """Where the seal before it ends, or the checkpoint that stands for what was pruned."""
    before = Seal.objects.filter(id=seal.id - 1).first()
    place = start_of_log() if before is None else ChainHead()
    if before is not None:
        place.move_to(before)
    if place.last_seal_id != seal.id - 1:
        raise BrokenChain(_("Seal {seal} is missing.").format(seal=seal.id - 1))
    return place
