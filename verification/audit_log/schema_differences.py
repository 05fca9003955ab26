"""Says in which parts a database differs from what migrations make, and which release may do that.

`check_schema()` in schema_check.py decides what follows from the differences.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import takewhile
from typing import NamedTuple

from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from verification.db.catalog import Catalog, Description, SchemaPart

#: The number of characters of a definition that a sentence quotes.
MAX_QUOTE = 100
#: How the catalog gives the body of a function, without the words around it.
DIGEST = re.compile("[0-9a-f]{64},?")
#: The kinds of parts, as a sentence names one of them.
NAMES = {
    "table": gettext_noop("table {table}"),
    "column": gettext_noop("column {name} of {table}"),
    "constraint": gettext_noop("constraint {name} of {table}"),
    "index": gettext_noop("index {name} of {table}"),
    "trigger": gettext_noop("trigger {name} of {table}"),
    "function of the trigger": gettext_noop("function of the trigger {name} of {table}"),
    "rule": gettext_noop("rule {name} of {table}"),
    "policy": gettext_noop("policy {name} of {table}"),
    "parent": gettext_noop("parent table {name} of {table}"),
    "child": gettext_noop("child table {name} of {table}"),
    "setting": gettext_noop("setting {name}"),
    "operator": gettext_noop("operator {name}"),
    "function": gettext_noop("function {name}"),
}
#: The kinds of parts that a newer release adds to the tables of this one.
ADDED_BY_RELEASES = {"table", "column", "constraint", "index", "function"}
#: What no release makes, so that it never comes from an older one.
MADE_BY_NO_RELEASE = {"rule", "policy", "parent", "child", "setting", "operator"}
#: How the catalog describes a trigger that does not act. No release makes one.
SWITCHED_OFF = (", disabled", ", for replicas only")


class Difference(NamedTuple):
    """A part that is missing, or that is not as expected."""

    part: SchemaPart
    found: str | None
    expected: str | None

    @property
    def sentence(self) -> str:
        if self.found is None:
            return _("The {part} is missing.").format(part=_name(self.part))
        if self.expected is None:
            return _describe_extra(self.part, self.found)
        return _describe_change(self.part, self.found, self.expected)

    @property
    def is_addition(self) -> bool:
        """Return whether a newer release may have added this part, beside what this one knows."""
        return (
            self.expected is None
            and self.part.kind in ADDED_BY_RELEASES
            and not _shadows_built_in(self.part)
        )

    @property
    def is_added_trigger(self) -> bool:
        return self.expected is None and self.part.kind == "trigger"

    @property
    def is_mended_by_migrate(self) -> bool:
        """Return whether `migrate` installs this part again."""
        return self.expected is not None and self.part.kind in {
            "trigger",
            "function of the trigger",
        }

    @property
    def is_batch_function(self) -> bool:
        return self.expected is not None and self.part.kind == "function"

    @property
    def may_be_older(self) -> bool:
        """Return whether the part may be as an older release left it."""
        if self.found is None:
            return True
        if self.part.kind == "trigger" and self.found.endswith(SWITCHED_OFF):
            return False
        if self.part.kind in MADE_BY_NO_RELEASE or _shadows_built_in(self.part):
            return False
        # No release puts a view in place of a table. Triggers that one removed are dropped with it.
        return self.part.kind != "table" and (
            self.part.kind != "trigger" or self.expected is not None
        )


def _shadows_built_in(part: SchemaPart) -> bool:
    """Return whether this is a function that is called in place of one of PostgreSQL's."""
    return part.kind == "function" and not part.name.startswith("verification_")


def compare(expected: Description, catalog: Catalog) -> Iterator[Difference]:
    """Yield each part that differs, except what a database administrator may tune."""
    found = catalog.parts
    replaced = {part.table for part in expected if part.table and _is_replaced(part, found)}
    for part in sorted({*expected, *found}):
        if part.table in replaced and part.kind != "table":
            continue  # one sentence says that the table is missing, or is no table
        if part not in found:
            if not _has_substitute(part, expected, found):
                yield Difference(part, None, expected[part])
        elif part not in expected:
            if not (part in catalog.harmless or _has_substitute(part, found, expected)):
                yield Difference(part, found[part], None)
        elif found[part] != expected[part]:
            yield Difference(part, found[part], expected[part])


def _is_replaced(part: SchemaPart, found: Description) -> bool:
    kind = found.get(SchemaPart(part.table, "table", ""), "")
    return not kind.startswith("plain table")


def _has_substitute(part: SchemaPart, ours: Description, others: Description) -> bool:
    """Return whether the others have what takes the place of this part.

    An index may have another name, as during a REINDEX. The new one is invalid until it is
    complete, and must not take the place of an expected one until then. The function of a trigger
    that only one side has needs no sentence of its own.
    """
    if part.kind == "function of the trigger":
        return True
    if part.kind != "index":
        return False
    index = _without_name(ours[part].removesuffix(", invalid"))
    return any(
        other[:2] == part[:2] and _without_name(definition) == index
        for other, definition in others.items()
    )


def _without_name(index: str) -> tuple[bool, str]:
    create, _on, rest = index.partition(" ON ")
    return "UNIQUE" in create.split(" ", 2)[:2], rest


def _describe_extra(part: SchemaPart, definition: str) -> str:
    if part.kind == "setting":
        sentence = _("The {part} is “{found}”, which may open the log to changes or hide rows.")
        return sentence.format(part=_name(part), found=definition[:MAX_QUOTE])
    return _("No migration made the {part}.").format(part=_name(part))


def _describe_change(part: SchemaPart, found: str, expected: str) -> str:
    """Name the words in which two definitions differ."""
    present, wanted = found.split(" "), expected.split(" ")
    start = _count_equal(present, wanted)
    end = _count_equal(present[start:][::-1], wanted[start:][::-1])
    has, lacks = (" ".join(words[start : len(words) - end]) for words in (present, wanted))
    if _is_digest(has) and _is_digest(lacks):
        return _("The {part} is not as migrations make it: its body differs.").format(
            part=_name(part)
        )
    if not lacks:
        sentence = _("The {part} is not as migrations make it: it also has “{has}”.")
    elif not has:
        sentence = _("The {part} is not as migrations make it: it lacks “{lacks}”.")
    else:
        sentence = _("The {part} is not as migrations make it: “{has}” instead of “{lacks}”.")
    return sentence.format(part=_name(part), has=has[:MAX_QUOTE], lacks=lacks[:MAX_QUOTE])


def _is_digest(text: str) -> bool:
    return bool(DIGEST.fullmatch(text))


def _count_equal(one: list[str], other: list[str]) -> int:
    """Return how many words at the beginning are equal."""
    pairs = zip(one, other, strict=False)
    return len(list(takewhile(lambda pair: pair[0] == pair[1], pairs)))


def _name(part: SchemaPart) -> str:
    return _(NAMES[part.kind]).format(table=part.table, name=part.name)
