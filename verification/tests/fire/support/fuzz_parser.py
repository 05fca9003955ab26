"""Fuzzes the parser with atheris, which is guided by the branches that an input reaches.

python -m verification.tests.fire.support.fuzz_parser [LIBFUZZER OPTION]... [FOLDER OF INPUTS]
Exits with a code other than 0 as soon as an input breaks a rule of parser_input.py.
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["verification.protocol"]):
    from verification.tests.fire.support.parser_input import check

atheris.Setup(sys.argv, check)
atheris.Fuzz()
