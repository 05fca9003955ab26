"""The whole log in one file that can be checked without us: attempts, and the seals over them.

JSON lines: what the file is; each seal, then the attempts that it covers; what the file holds.
"""

from __future__ import annotations

from verification.audit_log.reader import read_stretches
from verification.audit_log.verifier import by_seal
from verification.export import Pieces
from verification.export_lines import dump, first_entry, place_entry, seal_entry
from verification.models import ChainHead, Checkpoint
from verification.sealed_record import to_record


def sealed_pieces() -> Pieces:
    """To be read in one moment."""
    checkpoint, seals, rows = Checkpoint.objects.first(), 0, 0
    begin = checkpoint.place if checkpoint else ChainHead()
    yield dump(first_entry(begin)), 0
    for stretch in read_stretches(begin):
        for seal, lines in by_seal(stretch):
            attempts = [dump(to_record(line, seal.version)) for line in lines]
            yield b"".join([dump(seal_entry(seal)), *attempts]), len(lines)
            seals, rows = seals + 1, rows + len(lines)
    head = ChainHead.objects.first() or begin
    yield dump({"rows": rows, "seals": seals, "head": place_entry(head)}), 0
