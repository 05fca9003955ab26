"""Holds what a check of the log found, and says what that means."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from django.db import models
from django.utils.translation import gettext_lazy as _

from verification.audit_log.schema_check import MIGRATIONS_MISSING, NEWER_DATABASE, SchemaCheck
from verification.models import ChainHead, Checkpoint, Seal

#: How many problems of the chain a report lists. A log that was rewritten has one for every seal.
MAX_PROBLEMS = 20
#: What to do if a key is missing, in the same words everywhere. Somebody without a key of ours can
#: name one that never existed, so a missing key does not show that nothing was forged.
MISSING_SEAL_KEY_ADVICE = _(
    "Put every former key back at the end of TOKEN_ENCRYPTION_KEYS, restart all processes and "
    "check the log again. If a key is still missing then, somebody else may have made what it "
    "seals: follow “Chain broken” in docs/RUNBOOK.md."
)


class LogState(models.TextChoices):
    """What a check says about the log, from the best to the worst."""

    INTACT = "intact", _("The log is intact")
    NEWER_RELEASE = "newer_release", NEWER_DATABASE
    MIGRATIONS_MISSING = "migrations_missing", MIGRATIONS_MISSING
    KEY_MISSING = "key_missing", _("The log cannot be checked: a key is missing")
    NOT_INTACT = "not_intact", _("The log is not intact")

    def is_worse_than(self, other: LogState) -> bool:
        return worst([self, other]) is not other


def worst(states: Iterable[LogState]) -> LogState:
    return max(states, key=list(LogState).index, default=LogState.INTACT)


@dataclass
class Report:
    """The result of a check. It describes the log at one moment."""

    seals: int = 0
    attempts: int = 0
    found: dict[LogState, list[str]] = field(default_factory=dict)  #: the problems of each state
    seals_found: dict[LogState, list[int]] = field(default_factory=dict)  #: that have problems
    schema: SchemaCheck = field(default_factory=SchemaCheck)
    account_advice: list[str] = field(default_factory=list)  #: about accounts that were altered
    head: ChainHead | None = None
    checkpoint: Checkpoint | None = None  #: where a pruned log begins
    start: ChainHead = field(default_factory=ChainHead)  #: the place from which it was checked
    end: ChainHead = field(default_factory=ChainHead)  #: the place up to which it was checked
    is_cut_short: bool = False  #: the deadline passed before the end of the log

    @property
    def problems(self) -> list[str]:
        """Return a sentence for each problem, the worst first."""
        return [text for state in reversed(LogState) for text in self.found.get(state, [])]

    @property
    def state(self) -> LogState:
        return worst(self.found)

    @property
    def first_broken(self) -> int | None:
        return min(self.seals_found.get(LogState.NOT_INTACT, []), default=None)

    @property
    def advice(self) -> list[str]:
        """Return what to do about the problems, a line each, unless their sentences say it."""
        schema = [self.schema.advice] if self.schema.differences else []
        lost = [str(MISSING_SEAL_KEY_ADVICE)] if LogState.KEY_MISSING in self.found else []
        return [*schema, *lost, *self.account_advice]

    def add_problem(
        self, problem: object, seal: Seal | None = None, state: LogState = LogState.NOT_INTACT
    ) -> None:
        """Add a problem. Only the first MAX_PROBLEMS seals of a state get a sentence."""
        problems, seals = self.found.setdefault(state, []), self.seals_found.setdefault(state, [])
        if seal is not None:
            seals.append(seal.id)
        if seal is None or len(seals) <= MAX_PROBLEMS:
            problems.append(str(problem))

    def add_schema(self, schema: SchemaCheck) -> None:
        self.schema = schema
        state = LogState.NOT_INTACT
        if schema.is_newer:
            state = LogState.NEWER_RELEASE
        elif schema.is_older:
            state = LogState.MIGRATIONS_MISSING
        for difference in schema.differences:
            self.add_problem(difference, state=state)
