"""Lists what about an account needs attention: how bad it is, why, and what to do.

A problem is found by a function that returns one, or None. To add one, write the function, add it
to PROBLEMS, say in verification/tests/alerts/test_agreement.py which alert it has, and write a
test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime

from verification.accounts.facts import Facts
from verification.accounts.problems import calls, relay, stored_secrets
from verification.accounts.problems.problem import Problem

Finder = Callable[[Facts, datetime], Problem | None]
#: Problems of one level keep this order.
PROBLEMS: list[Finder] = [
    stored_secrets.key_missing,
    stored_secrets.rotation_unfinished,
    calls.refused,
    relay.backend_failing,
    relay.spool_full,
    stored_secrets.token_shared,
    calls.stray,
    calls.queries_lost,
    relay.replies_lost,
    relay.messages_dead,
    relay.messages_wait,
    calls.silent,
    stored_secrets.key_unfit,
]


def find_problems(facts: Facts, now: datetime) -> list[Problem]:
    """Return what needs attention, the worst first."""
    found = [(find.__name__, find(facts, now)) for find in PROBLEMS]
    problems = [replace(problem, name=name) for name, problem in found if problem]
    return sorted(problems, key=lambda problem: problem.level)


def problem_of(finder: Finder, problems: Iterable[Problem]) -> Problem | None:
    """Return the problem that this function found, or None."""
    return next((problem for problem in problems if problem.name == finder.__name__), None)
