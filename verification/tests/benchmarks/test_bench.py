"""Tests the parts of script/bench. Only a benchmark shows that the whole runs."""

from __future__ import annotations

import subprocess
from itertools import islice
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from django.conf import settings
from django.db import connection

from benchmarks import report
from benchmarks.__main__ import ALL_NAMES, PUSH_NAMES, is_complete, is_long_enough, parse
from benchmarks.accounts import callers
from benchmarks.contenders import CONTENDERS, PgBench, Server
from benchmarks.errors import BenchmarkError
from benchmarks.load import Load, read_summary
from benchmarks.report import Part
from benchmarks.results import Results, p99, rate
from benchmarks.runner import Measured, check_count
from benchmarks.signed_requests import signed_targets
from benchmarks.targets import Target, against_peers, of_pushes
from verification.models import ChainHead
from verification.tests.support.signer import signature

SERVERS = {contender.name: contender for contender in CONTENDERS if isinstance(contender, Server)}
PGBENCHES = {
    contender.name: contender for contender in CONTENDERS if isinstance(contender, PgBench)
}
OURS, SAME_WORK = SERVERS["ours"], PGBENCHES["same-work"]


def measured(requests: int, p99: float = 9.0) -> Measured:
    return Measured(Load(requests, 1.0, p50=3.0, p99=p99), server_cpu=200, database_cpu=100)


def test_no_two_requests_are_alike_in_this_run_or_the_next() -> None:
    first, second = (set(islice(signed_targets(callers(3)), 500)) for _ in range(2))

    assert len(first | second) == 1000


def test_requests_call_the_accounts_in_turn_each_signed_with_its_own_token() -> None:
    expected = callers(3) * 2
    for caller, target in zip(expected, signed_targets(callers(3)), strict=False):
        sent = {name: values[0] for name, values in parse_qs(urlsplit(target).query).items()}

        assert urlsplit(target).path == caller.path
        assert sent["signature"] == signature(caller.token, sent["timestamp"], sent["nonce"])
        assert sent["echostr"].isdigit()


def test_pushes_are_signed_alike_and_name_the_follower() -> None:
    [push] = islice(signed_targets(callers(1), are_pushes=True), 1)
    sent = {name: values[0] for name, values in parse_qs(urlsplit(push).query).items()}

    assert sent["signature"] == signature(callers(1)[0].token, sent["timestamp"], sent["nonce"])
    assert sent["openid"]
    assert "echostr" not in sent


def test_a_load_with_a_refused_or_broken_request_is_an_error() -> None:
    times = '"microseconds": 2000000, "p50": 1500, "p99": 9000'
    good = f'{{"answered": 90, {times}, "refused": 0, "broken": 0}}'

    assert read_summary(good) == Load(90, 2.0, 1.5, 9.0)
    assert read_summary(good).rate == 45
    for bad in (
        good.replace('"refused": 0', '"refused": 1'),
        good.replace('"broken": 0', '"broken": 1'),
        good.replace('"answered": 90', '"answered": 0'),
    ):
        with pytest.raises(BenchmarkError, match="Not every request was answered"):
            read_summary(bad)


@pytest.mark.parametrize("recorded", [89, 123])
def test_answers_without_a_row_of_their_own_are_an_error(recorded: int) -> None:
    check_count(OURS, recorded=90, answered=90, in_progress=32)
    check_count(OURS, recorded=122, answered=90, in_progress=32)
    with pytest.raises(BenchmarkError, match=f"answered 90 requests and recorded {recorded}"):
        check_count(OURS, recorded=recorded, answered=90, in_progress=32)


def test_a_ratio_is_one_of_medians() -> None:
    results = Results()
    for number in (10, 1000, 30):
        results.add("ours", 32, measured(number))
    for number in (15, 14, 16):
        results.add("express-pg", 32, measured(number, p99=18.0))

    assert results.ratio("ours", "express-pg", 32, rate) == 2.0
    assert results.ratio("ours", "express-pg", 32, p99) == 0.5
    assert results.spread("ours", "express-pg", 32, rate) == (10 / 15, 1000 / 14)
    assert results.ratio("ours", "django", 32, rate) is None
    assert results.spread("ours", "django", 32, rate) is None
    verdicts = {target.title: target.verdict for target in against_peers(results)}
    assert verdicts["rate ÷ that of express-pg, 32 connections"] == "met"
    assert verdicts["rate ÷ that of django, 32 connections"] == "not measured"


def test_what_pushes_take_longer_is_compared_with_the_backend_itself() -> None:
    results = Results()
    results.add("direct", 32, measured(9000, p99=4.0))
    results.add("relay", 32, measured(2000, p99=24.0))

    [_rate, p99_added, _p50_added] = of_pushes(results)
    assert p99_added.measured == 20.0
    assert p99_added.verdict == "missed by 33%"


def test_a_missed_target_says_by_how_much() -> None:
    assert Target("rate", 2.0, 1.5).verdict == "missed by 25%"
    assert Target("p50", 2.5, 3.0, is_maximum=True).verdict == "missed by 20%"
    assert Target("p50", 2.5, 2.5, is_maximum=True).verdict == "met"


def test_a_report_begins_with_how_many_targets_are_met() -> None:
    targets = [
        Target("rate", 2.0, 1.5, spread=(1.234, 1.6)),
        Target("p50", 2.5, 2.5, is_maximum=True),
        Target("p99", 1, None),
    ]

    text = report.make(Part.CALLBACKS, ["Today."], targets, Results())
    assert text.startswith(
        "# Comparison with peers\n\n1 of 2 targets that were measured are met. [Why"
    )
    assert "| rate | ≥ 2× | 1.50× | 1.23 to 1.60 | missed by 25% |" in text


@pytest.mark.parametrize("short", [["--rounds", "2"], ["--seconds", "2"]])
def test_a_short_run_reports_no_target_as_met(short: list[str]) -> None:
    assert is_long_enough(parse([]))
    assert not is_long_enough(parse(short))

    text = report.make(Part.CALLBACKS, ["Today."], [], Results())
    assert text.startswith("# Comparison with peers\n\nFewer than 3 rounds of 3 s")
    assert "Targets" not in text


def test_writing_the_results_keeps_the_hand_written_part(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "FILE", tmp_path / "RESULTS.md")
    report.write({Part.CALLBACKS: "# First\n"})
    report.FILE.write_text(report.FILE.read_text() + "\nThe lock is held through the flush.\n")
    report.write({Part.CALLBACKS: "# Second\n"})

    assert report.FILE.read_text() == (
        "# Second\n\n## What it comes to\n\nThe lock is held through the flush.\n"
    )


def test_a_part_of_the_results_is_replaced_without_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(report, "FILE", tmp_path / "RESULTS.md")
    report.write({Part.CALLBACKS: "# First\n"})
    report.write({Part.PUSHES: f"{Part.PUSHES}\n\nOf Monday.\n"})
    report.write({Part.PUSHES: f"{Part.PUSHES}\n\nOf Tuesday.\n"})
    report.write({Part.CALLBACKS: "# Second\n"})

    assert report.FILE.read_text() == (
        f"# Second\n\n{Part.PUSHES}\n\nOf Tuesday.\n\n## What it comes to\n"
    )


def test_all_four_of_the_pushes_are_a_part_of_their_own() -> None:
    of_pushes_alone = parse(["--only", ",".join(PUSH_NAMES)])

    assert is_complete(of_pushes_alone, Part.PUSHES)
    assert not is_complete(of_pushes_alone, Part.CALLBACKS)
    assert not is_complete(parse(["--only", "relay,direct"]), Part.PUSHES)
    assert is_complete(parse(["--long"]), Part.CALLBACKS)


def test_help_lists_all_names_that_can_be_chosen() -> None:
    script = Path(settings.BASE_DIR) / "script/bench"
    usage = subprocess.run([script, "--help"], capture_output=True, text=True, check=True).stdout

    assert set(ALL_NAMES) <= set(usage.split())
    assert parse(["--only", "ours,memory"]).only == ["ours", "memory"]


def test_an_unknown_name_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["--only", "ours,rails"])

    assert "there is no rails; see script/bench --help." in capsys.readouterr().err


@pytest.mark.postgresql
@pytest.mark.django_db
def test_the_statements_for_pgbench_fit_the_functions() -> None:
    script = SAME_WORK.script.read_text().replace(r"\gset", ";").replace(r"\;", ";")
    script = script.replace(":digest", "")
    # A test holds a transaction.
    script = script.replace("BEGIN ISOLATION LEVEL READ COMMITTED;", "").replace("COMMIT;", "")
    for name in (":attempt", ":seal", ":nonce"):
        script = script.replace(name, "1")
    statements = [line for line in script.splitlines() if not line.startswith(("\\", "--"))]
    with connection.cursor() as cursor:
        for statement in [SAME_WORK.setup, *statements]:
            cursor.execute(statement)

    assert ChainHead.objects.get().last_attempt_id == 1
