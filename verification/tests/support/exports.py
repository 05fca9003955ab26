"""Create attempts at chosen times, and export the log."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from verification.callbacks.recording import verify
from verification.exports.sealed import sealed_pieces
from verification.models import VerificationAttempt
from verification.tests.support.callback_factory import make_callback
from verification.tests.support.signer import verification

NOON = datetime(2026, 11, 23, 4, 0, tzinfo=UTC)  # 12:00 in Shanghai


def exported(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, Any]]:
    call_command("export_attempts", *arguments)
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def ids(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[int]:
    return [record["id"] for record in exported(capsys, *arguments)]


def make_attempts(moments: list[datetime]) -> None:
    """Create unsealed attempts at these times, otherwise as the writer creates them."""
    VerificationAttempt.objects.bulk_create(
        VerificationAttempt(
            id=number,
            recorded_at=moment,
            seal_id=1,
            duration=900,
            kind=1,
            method=1,
            outcome=2,
            reason=2,
            status=403,
            marks=0,
            request_id=UUID(int=number),
            signature=bytes(20),
            timestamp="1714036504",
            nonce="1514711492",
            echostr="4375120948345356249",
            user_agent="Mozilla/4.0",
            path_slug="nobody",
        )
        for number, moment in enumerate(moments, start=1)
    )


def make_sealed_log() -> None:
    """Record nine attempts of brand-a under three seals.

    Three have backslashes in their user agent, and one has no parameters.
    """
    odd: dict[str, Any] = {"headers": {"user-agent": "Mozilla\\4.0 \\N"}}
    right, wrong = verification("TokenOfBrandA1234"), verification("AnotherToken1234")
    for first in (right, wrong, ""):
        verify([make_callback(first), make_callback(right, **odd), make_callback(wrong)])


def export_sealed(path: Path) -> Path:
    path.write_bytes(b"".join(piece for piece, _rows in sealed_pieces()))
    return path


def complaints(path: Path, **options: str) -> list[str]:
    """Return the lines in which verify_export reports what is wrong with a file."""
    with pytest.raises(CommandError) as refusal:
        call_command("verify_export", str(path), **options)
    return str(refusal.value).splitlines()
