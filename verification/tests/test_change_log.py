"""Only record() writes the change log."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.db import transaction

from verification import change_log
from verification.change_log import Action
from verification.fields import Secret
from verification.models import ChangeEvent
from verification.tests.support.accounts import LI_WEI


def test_nothing_but_record_writes_a_change_event() -> None:
    product = Path(settings.BASE_DIR) / "verification"
    writes = re.compile(r"\bChangeEvent(\(|\.objects\.(create|bulk_create|get_or_create)\b)")
    writing_files = [
        path.relative_to(product).as_posix()
        for path in product.rglob("*.py")
        if "tests" not in path.parts and "migrations" not in path.parts
        if writes.search(path.read_text().replace("class ChangeEvent(", ""))
    ]

    assert writing_files == ["change_log.py"]


def test_a_secret_cannot_be_recorded_as_a_fact(db: None) -> None:
    with pytest.raises(TypeError, match="not JSON serializable"), transaction.atomic():
        change_log.record(Action.TOKEN_REVEALED, LI_WEI, token_text=Secret.of("CanaryToken2026"))

    assert not ChangeEvent.objects.exists()
