from __future__ import annotations

from collections.abc import AsyncIterator
from tempfile import TemporaryFile

from asgiref.sync import sync_to_async
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import FileResponse, HttpRequest
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from verification.admin.account_pages import may, require
from verification.auth.sign_ins import who
from verification.db.snapshot import read_snapshot
from verification.exports.writer import Export, csv_pieces
from verification.models import ChangeEvent, VerificationAttempt


class Download(FileResponse):
    """A file that leaves in pieces: under ASGI Django would read all of it into memory first."""

    block_size = 65_536

    async def __aiter__(self) -> AsyncIterator[bytes]:
        assert self.file_to_stream is not None
        while piece := await sync_to_async(self.file_to_stream.read)(self.block_size):
            yield piece


def export_view(
    site: admin.AdminSite,
    request: HttpRequest,
    attempts: QuerySet[VerificationAttempt],
    described: dict[str, str],
) -> FileResponse:
    """These attempts as CSV, and in the change log that they left and by which filters.

    The file is finished before its first byte leaves, so that its SHA-256 is on record by then.
    """
    require(request, "export_attempts")
    export, file = Export("csv", who(request), described), TemporaryFile()  # noqa: SIM115 - closed with the response
    with read_snapshot():
        export.write(csv_pieces(attempts.order_by("id")), file)
    event = export.record()
    messages.success(request, say_what_left(site, request, export, event))
    file.seek(0)
    name = f"attempts-{timezone.localtime():%Y-%m-%d-%H%M}.csv"
    return Download(file, as_attachment=True, filename=name)


def say_what_left(
    site: admin.AdminSite, request: HttpRequest, export: Export, event: ChangeEvent
) -> SafeString:
    """For the next page: a download has none of its own."""
    done = ngettext("Exported {count} attempt.", "Exported {count} attempts.", export.rows)
    said = format_html(
        "{} SHA-256 <code>{}</code>", done.format(count=f"{export.rows:,}"), export.sha256
    )
    if not may(request, "view_changeevent"):
        return said
    url = reverse(f"{site.name}:verification_changeevent_change", args=[event.pk])
    return format_html('{} · <a href="{}">{}</a>', said, url, _("In the change log"))
