"""The options --since and --until of an export."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from verification.models import ChangeEvent
from verification.tests.support.exports import NOON, ids, make_attempts


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--since", "2026-11-23T12:00"], [2, 3, 4]),  # naive: Shanghai
        (["--since", "2026-11-23 12:00:00.000001"], [3, 4]),
        (["--until", "2026-11-23T12:00"], [1]),  # before, so that periods join without overlap
        (["--since", "2026-11-23T04:00Z", "--until", "2026-11-23T05:00+00:00"], [2]),
        (["--since", "2026-11-23T12:00+08:00", "--until", "2026-11-24"], [2, 3]),
        (["--since", "2026-11-24"], [4]),
        (["--until", "2026-11-23"], []),
        (["--since", "2026-11-24", "--until", "2026-11-23"], []),
        (["--since", "1970-01-01", "--until", "9999-12-31"], [1, 2, 3, 4]),
    ],
)
def test_a_period_is_read_in_the_time_zone_of_the_server(
    db: None, capsys: pytest.CaptureFixture[str], arguments: list[str], expected: list[int]
) -> None:
    make_attempts([NOON + timedelta(hours=hours) for hours in (-1, 0, 1, 12)])

    assert ids(capsys, *arguments) == expected


def test_the_same_period_means_other_times_in_another_time_zone(
    db: None, settings, capsys: pytest.CaptureFixture[str]
) -> None:
    settings.TIME_ZONE = "UTC"
    make_attempts([NOON])

    assert ids(capsys, "--since", "2026-11-23T12:00") == []
    assert ids(capsys, "--since", "2026-11-23T04:00") == [1]


@pytest.mark.parametrize("option", ["--since", "--until"])
@pytest.mark.parametrize(
    "text", ["yesterday", "", "2026-13-01", "2026-02-30", "24/11/2026", "1763870400", "0001-01-01"]
)
def test_a_malformed_time_is_refused_in_a_sentence(db: None, option: str, text: str) -> None:
    with pytest.raises(CommandError) as refusal:
        call_command("export_attempts", option, text)

    example = "2026-11-23 or 2026-11-23T10:42+08:00"
    assert str(refusal.value) == f'"{text}" is not a time such as {example}.'
    assert not ChangeEvent.objects.exists()
