"""The first attempts of a log are recorded as fast as later ones."""

from __future__ import annotations

from importlib import import_module

import pytest
from django.apps import apps
from django.db import connection

from verification.callbacks.recording import verify
from verification.models import OfficialAccount
from verification.tests.support.adapter import A
from verification.tests.support.callback_factory import make_callback
from verification.tests.support.signer import verification

MIGRATION = "verification.migrations.0003_postgresql_indexes"


def create_summaries() -> int:
    """Create the summary of the first range, and return how many summaries were missing."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT brin_summarize_range('attempt_request_id', 0)")
        return int(cursor.fetchone()[0])


@pytest.mark.postgresql
def test_a_new_log_has_no_summary_that_each_attempt_would_rewrite(brand_a: OfficialAccount) -> None:
    verify([make_callback(verification(A))])
    create_summaries()
    with connection.schema_editor(atomic=False) as editor:
        import_module(MIGRATION).drop_indexes(apps, editor)
        import_module(MIGRATION).create_indexes(apps, editor)

    assert [create_summaries(), create_summaries()] == [1, 0]
