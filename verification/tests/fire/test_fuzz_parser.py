"""Fuzzing of the parser with any bytes."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from hypothesis import given, settings
from hypothesis import strategies as st

from verification.tests.fire.conftest import RecordFigure
from verification.tests.fire.support.parser_input import FIELDS, check
from verification.tests.fire.support.run_length import LONG
from verification.tests.support.adapter import A
from verification.tests.support.signer import push, self_test_nonce, verification

INPUTS = 750_000
SEEDS = [
    f"GET\n/wechat/brand-a\n{verification(A)}\n10.0.0.1\nwx.example.cn\nMozilla/4.0\n6.6.6.6",
    f"POST\n/\n{push(A)}&msg_signature=1&encrypt_type=aes\n::1\n\n\n2001:db8::1, ::ffff:1.2.3.4",
    f"GET\n/wechat/\n{verification(A, nonce=self_test_nonce(key=b'key'))}\nfe80::1%eth0",
    "HEAD\n/wechat/%00\nsignature=%zz&signature=&timestamp=99999999999999999999&nonce=%ff",
]


@settings(max_examples=500)
@given(st.lists(st.binary(max_size=120), max_size=len(FIELDS)).map(b"\n".join))
def test_random_bytes_do_not_break_the_parser(data: bytes) -> None:
    check(data)


@pytest.mark.parametrize("seed", SEEDS)
def test_the_seeds_of_atheris_are_valid_inputs(seed: str) -> None:
    check(seed.encode())


if LONG:  # atheris is installed by script/fire: it has no wheels for every system

    def test_coverage_guided_fuzzing_does_not_break_the_parser(
        figure: RecordFigure, tmp_path: Path
    ) -> None:
        for number, seed in enumerate(SEEDS):
            (tmp_path / f"seed-{number}").write_bytes(seed.encode())
        options = [f"-runs={INPUTS}", "-max_len=1024", "-timeout=10", "-seed=20261125"]
        module = "verification.tests.fire.support.fuzz_parser"
        run = subprocess.run(
            [sys.executable, "-m", module, f"-artifact_prefix={tmp_path}/", *options, tmp_path],
            cwd=django_settings.BASE_DIR,
            capture_output=True,
            text=True,
            check=False,
        )
        done = re.search(r"Done (\d+) runs in (\d+) second", run.stderr)
        reached = [int(edges) for edges in re.findall(r"cov: (\d+)", run.stderr)]
        figure(
            "The parser turns any bytes into values that can be stored, and only an allowed "
            "echostr is echoed (coverage-guided, atheris)",
            target=f"{INPUTS:,} inputs, no failure",
            measured=f"{INPUTS:,} inputs in {done[2]} s, {max(reached)} branches reached"
            if done
            else f"ended with {run.returncode}",
            is_met=done is not None and run.returncode == 0,
        )

        assert run.returncode == 0, run.stderr[-3000:]
        assert done
        assert reached[-1] > reached[0]
