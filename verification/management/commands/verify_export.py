from __future__ import annotations

import gzip
import sys
import zlib
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from tqdm import tqdm

from verification.audit_log.report import Report
from verification.audit_log.verifier import KeptHead
from verification.exports.verifier import NotAnExport, verify_export
from verification.management.base import GatewayCommand, add_json_argument
from verification.management.reports import (
    add_head_argument,
    exit_if_problems,
    format_sealed,
    parse_head,
    report_facts,
)


class Command(GatewayCommand):
    help = gettext_lazy(
        "Checks the chain of seals in a file of export_attempts --format sealed, which may be "
        "gzipped. Needs no database, no key and no environment variable. The exit code is 1 if "
        "something is wrong, with a sentence for each finding."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help=_("The exported file."))
        add_head_argument(parser)
        add_json_argument(parser)

    def handle(self, *, file: Path, head: str | None, **options: Any) -> None:
        kept = parse_head(head) if head is not None else None
        try:
            report = check(file, kept)
        except NotAnExport as error:
            raise CommandError(f"{file}: {error}") from error
        except (OSError, EOFError, zlib.error) as error:
            why = getattr(error, "strerror", None) or _("it is damaged or cut off")
            sentence = _("{file} cannot be read: {why}.")
            raise CommandError(sentence.format(file=file, why=why)) from error
        if options["json"]:
            self.print_json(**report_facts(report))
            exit_if_problems(report)
        else:
            self.print_report(report, kept)

    def print_report(self, report: Report, kept: KeptHead | None) -> None:
        sealed = format_sealed(report.attempts, report.seals)
        exit_if_problems(report)
        assert report.head is not None
        self.stdout.write(_("The chain in this file is intact: {sealed}.").format(sealed=sealed))
        self.stdout.write(_("Its head: {head}").format(head=report.head.text))
        if kept:
            sentence = _("It contains the head that you kept, of seal {seal}.")
            self.stdout.write(sentence.format(seal=kept.seal_id))
        self.stdout.write(
            _(
                "Not checked, because that needs the server's key: whether the server made these "
                "seals (their MACs). A person who can write the file could make a whole new chain. "
                "Compare its head with one that was kept elsewhere, or pass it to verify_audit "
                "--head."
            )
        )


def check(path: Path, kept: KeptHead | None) -> Report:
    """Verify the file, with a progress bar on a terminal."""
    size = path.stat().st_size
    bar = tqdm(total=size, unit="B", unit_scale=True, file=sys.stderr, disable=None)
    with bar, path.open("rb") as file:
        opened: Any = gzip.GzipFile(fileobj=file) if path.suffix == ".gz" else file
        return verify_export(opened, kept, lambda: bar.update(file.tell() - bar.n))
