"""The parser under atheris, which follows the branches that an input takes.

python -m verification.tests.fire.support.fuzz_parser [LIBFUZZER OPTION]... [FOLDER OF INPUTS]
Ends with another code than 0 as soon as an input breaks a rule.
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["verification.protocol"]):
    from verification.tests.fire.support.parser_input import check

atheris.Setup(sys.argv, check)
atheris.Fuzz()
