"""Check whether attempts can be recorded and tokens decrypted, without recording an attempt."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any, NamedTuple

from django.db import DatabaseError, InterfaceError, connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from verification.audit_log.clock_check import find_clock_differences
from verification.audit_log.schema_check import check_schema
from verification.db.encoding import find_wrong_encoding
from verification.db.errors import advise, sqlstate
from verification.db.watchdog import watchdog
from verification.keys import MISSING_KEY_ADVICE
from verification.models import (
    AESKey,
    Backend,
    ChainHead,
    Delivery,
    DeliveryTally,
    OfficialAccount,
    Seal,
    Tally,
    Token,
    VerificationAttempt,
)

logger = logging.getLogger(__name__)

#: Seconds that the check at start may take.
START_DEADLINE = 30.0
READY = "ready"

#: Rights that recording needs once the chain has a head. Heroku revokes INSERT from a full plan.
RECORDING_RIGHTS = {
    VerificationAttempt: ["INSERT"],
    Seal: ["INSERT"],
    ChainHead: ["SELECT", "UPDATE"],
    Tally: ["SELECT", "INSERT", "UPDATE"],
    OfficialAccount: ["SELECT"],
    Token: ["SELECT", "UPDATE"],
}
#: Rights that message pushes need besides.
RELAY_RIGHTS = {
    AESKey: ["SELECT", "UPDATE"],
    Backend: ["SELECT", "UPDATE"],
    Delivery: ["SELECT", "INSERT", "UPDATE"],
    DeliveryTally: ["SELECT", "INSERT", "UPDATE"],
}
SELECT_MISSING_RIGHTS = """
SELECT needed || ' on ' || name FROM unnest(%s::text[], %s::text[]) AS rights (name, needed)
WHERE NOT has_table_privilege(name, needed)"""

#: The functions that batches of this release call. schema.json may have others, of the one before.
FUNCTIONS = ["verification_read_accounts", "verification_record", "verification_write"]
# A function that does not exist has NULL.
SELECT_FUNCTIONS = """
SELECT name, bool_or(has_function_privilege(oid, 'EXECUTE'))
FROM unnest(%s::text[]) AS names (name)
    LEFT JOIN pg_proc ON proname = name AND pg_function_is_visible(oid)
GROUP BY name ORDER BY name"""


class Readiness(NamedTuple):
    """The answer of /readyz: what is wrong and what to do, or “ready”.

    After “ready, but”, it names problems that do not keep callbacks from being recorded and judged.
    """

    is_ready: bool
    text: str


def check_readiness() -> Readiness:
    """Return the answer of /readyz, in English, because monitors and searches of logs match it."""
    with translation.override("en"):
        return _check_readiness(with_remarks=True)


def _check_readiness(*, with_remarks: bool) -> Readiness:
    try:
        problem = _find_problem()
        if problem:
            return Readiness(False, problem)
        can_judge, lost = check_secrets()
        if not can_judge:
            return Readiness(False, lost)
        if not with_remarks:
            return Readiness(True, READY)
        clocks = " ".join(find_clock_differences())
        remarks = [*filter(None, [lost, describe_schema(), clocks])]
        if not remarks:
            return Readiness(True, READY)
        text = " ".join(remarks)
        return Readiness(True, f"{READY}, but {text[0].lower()}{text[1:]}")
    except (DatabaseError, InterfaceError) as error:
        code = sqlstate(error)
        if code is None:
            return Readiness(False, _("The database cannot be reached."))
        # Anyone can open /readyz, and the error's text may name roles and tables.
        advice = advise(error)
        sentence = _("The database refused the query (SQLSTATE {code}). {advice}")
        text = sentence.format(code=code, advice=_(advice) if advice else "")
        return Readiness(False, text.strip())


def find_problem() -> str | None:
    """Return what is wrong and what to do, in the language that is active, or None."""
    readiness = _check_readiness(with_remarks=False)
    return None if readiness.is_ready else readiness.text


def log_readiness() -> None:
    """Log what /readyz answers now, in one line."""
    try:
        with watchdog(START_DEADLINE):
            readiness = check_readiness()
    finally:
        connection.close()
    if not readiness.is_ready:
        logger.error("Not ready: %s", readiness.text)
    elif readiness.text == READY:
        logger.info("Ready.")
    else:
        logger.error("Ready, but %s", readiness.text.removeprefix(f"{READY}, but "))


def _find_problem() -> str | None:
    wrong_encoding = find_wrong_encoding(connection)
    if wrong_encoding:
        return wrong_encoding
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        return _("Migrations are missing. Run manage.py migrate.")
    return find_missing_rights() if connection.vendor == "postgresql" else None


def describe_schema() -> str:
    """Return how the database differs from what migrations make, or an empty text.

    A difference does not make the gateway unready: a setting of the database's administrator must
    not take it out of service.
    """
    schema = check_schema(connection)
    if not schema.differences:
        return ""
    sentences = " ".join(schema.summary)
    if schema.accuses_nobody:
        return sentences
    return _("The database is not as migrations make it. {sentences}").format(sentences=sentences)


def check_secrets() -> tuple[bool, str]:
    """Check whether TOKEN_ENCRYPTION_KEYS decrypts the secrets that are valid now.

    Return whether it decrypts any token, if there is one, and what it does not decrypt.
    """
    now = timezone.now()
    secrets: dict[str, Iterable[Any]] = {
        "tokens": Token.objects.live_at(now).values_list("secret", flat=True),
        "EncodingAESKeys": AESKey.objects.live_at(now).values_list("secret", flat=True),
        "webhook secrets": Backend.objects.values_list("secret", flat=True),
    }
    problems = []
    for name, stored in secrets.items():
        decryptable = [secret is not None and secret.is_decryptable for secret in stored]
        if name == "tokens" and decryptable and not any(decryptable):
            sentence = _("No stored token can be decrypted. {advice}")
            return False, sentence.format(advice=MISSING_KEY_ADVICE)
        if not all(decryptable):
            problems.append(f"{decryptable.count(False)} of {len(decryptable)} {name}")
    if not problems:
        return True, ""
    return True, f"{', '.join(problems)} cannot be decrypted. {MISSING_KEY_ADVICE}"


def find_missing_rights() -> str | None:
    """Return which right or function this session lacks, in one sentence, or None.

    A session that began earlier may still have rights that this one lacks.
    """
    with connection.cursor() as cursor:
        cursor.execute("SHOW transaction_read_only")
        if cursor.fetchone() == ("on",):
            return _(
                "The database is read-only. Check whether it is a standby or was set to read-only."
            )
        needed = [
            (model._meta.db_table, right)
            for model, rights in {**RECORDING_RIGHTS, **RELAY_RIGHTS}.items()
            for right in rights
        ]
        cursor.execute(SELECT_MISSING_RIGHTS, [*map(list, zip(*needed, strict=True))])
        missing_rights = ", ".join(right for (right,) in cursor.fetchall())
        cursor.execute(SELECT_FUNCTIONS, [FUNCTIONS])
        functions = cursor.fetchall()
    if missing_rights:
        sentence = _("The database refuses {rights}. Check whether its plan is full.")
        return sentence.format(rights=missing_rights)
    if missing := ", ".join(name for name, may_execute in functions if may_execute is None):
        sentence = _(
            "The database has no function {names}. Run manage.py migrate verification 0011, then "
            "manage.py migrate."
        )
        return sentence.format(names=missing)
    if refused := ", ".join(name for name, may_execute in functions if not may_execute):
        sentence = _(
            "This database user may not execute {names}. As their owner, run GRANT EXECUTE ON "
            "ROUTINE … TO … for each."
        )
        return sentence.format(names=refused)
    return None
