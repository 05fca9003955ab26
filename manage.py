#!/usr/bin/env python
"""Runs Django's command line. Reads .env first, and reports misconfiguration in one sentence."""

from __future__ import annotations

import os
import sys
from importlib import import_module

from wechat_gateway import env, terminal

# These need no variables: they run while an image is built, while a developer edits texts, or on
# an auditor's machine that has only a file.
WITHOUT_VARIABLES = {
    *("help", "version", "collectstatic", "makemessages", "compilemessages", "verify_export"),
}


def main(arguments: list[str]) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "wechat_gateway.settings")
    terminal.escape_unprintable()
    with terminal.exit_quietly(), env.exit_if_misconfigured():
        env.load()
        env.use_catalogue()
        if arguments[1:] and not needs_no_variable(arguments):
            env.require()
            import_module("wechat_gateway.settings")  # Django would hide its problems in some cases
        from django.core.management import execute_from_command_line
        from django.db import OperationalError, ProgrammingError
        from django.db.migrations.exceptions import MigrationSchemaMissing

        from verification.db.errors import format_unusable

        try:
            execute_from_command_line(arguments)
        except (OperationalError, ProgrammingError, MigrationSchemaMissing) as error:
            if "--traceback" in arguments:
                raise
            sys.exit(format_unusable(error))


def needs_no_variable(arguments: list[str]) -> bool:
    return arguments[1] in WITHOUT_VARIABLES or not {"--help", "-h"}.isdisjoint(arguments)


if __name__ == "__main__":
    main(sys.argv)
