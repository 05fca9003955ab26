"""Exports the list of attempts as CSV, and describes its filters for the change log."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from tempfile import TemporaryFile
from typing import Any

from asgiref.sync import sync_to_async
from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import FileResponse, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from verification.admin.attempts.choices import KINDS_LABELS, NO_ACCOUNT_LABEL
from verification.admin.base import may, require
from verification.attempts.filter import ALL_PRESETS, NO_ACCOUNT
from verification.change_log import actor_of
from verification.db.snapshot import read_snapshot
from verification.exports.writer import Explainer, Export, csv_pieces
from verification.models import ChangeEvent, OfficialAccount, VerificationAttempt
from verification.models.choices import KIND_CHOICES, OUTCOME_CHOICES, REASON_CHOICES
from verification.protocol.enums import Kind, Outcome, Reason
from verification.times import format_datetime

#: Heroku stops a request after 30 seconds, and writing the rows takes time as well.
MAX_SECONDS_OF_EXPLAINING = 10


class Download(FileResponse):
    """Sends a file in pieces: under ASGI, Django would read all of it into memory first."""

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
) -> FileResponse | HttpResponse:
    """Send the attempts as CSV, and record the export with its filters in the change log.

    The file is finished before its first byte is sent, so that the change log has its SHA-256 by
    then.
    """
    require(request, "export_attempts")
    export = Export("csv", actor_of(request), described)
    explainer = Explainer(MAX_SECONDS_OF_EXPLAINING)
    try:
        file = TemporaryFile()  # noqa: SIM115 - closed with the response
        with read_snapshot():
            export.write(csv_pieces(attempts.order_by("id"), explainer), file)
    except OSError as error:  # a full disk, or a file system that is read-only
        sentence = gettext("The export cannot be written: {why}.")
        messages.error(request, sentence.format(why=error.strerror))
        attempts_are_seen = may(request, "view_verificationattempt")
        page = "verification_verificationattempt_changelist" if attempts_are_seen else "index"
        return redirect(f"{site.name}:{page}")
    event = export.record()
    messages.success(request, format_export(site, request, export, event))
    if explainer.left_out:
        messages.warning(request, format_left_out(explainer.left_out))
    file.seek(0)
    name = f"attempts-{timezone.localtime():%Y-%m-%d-%H%M}.csv"
    response = Download(file, as_attachment=True, filename=name)
    # For export.js, which then loads the list again: a download leaves the page as it is.
    changelist = reverse(f"{site.name}:verification_verificationattempt_changelist")
    response.set_cookie(
        "exported", "1", max_age=600, path=changelist, secure=request.is_secure(), samesite="Strict"
    )
    return response


def format_left_out(count: int) -> str:
    sentence = ngettext(
        "The last row is not explained, because that would take too long here. To explain every "
        "row, run manage.py export_attempts.",
        "The last {count} rows are not explained, because that would take too long here. To "
        "explain every row, run manage.py export_attempts.",
        count,
    )
    return sentence.format(count=f"{count:,}")


def format_export(
    site: admin.AdminSite, request: HttpRequest, export: Export, event: ChangeEvent
) -> SafeString:
    """Return the message for the next page, because a download has no page of its own."""
    done = ngettext("Exported {count} attempt.", "Exported {count} attempts.", export.rows)
    message = format_html(
        "{} SHA-256 <code>{}</code>", done.format(count=f"{export.rows:,}"), export.sha256
    )
    if not may(request, "view_changeevent"):
        return message
    url = reverse(f"{site.name}:verification_changeevent_change", args=[event.pk])
    return format_html('{} · <a href="{}">{}</a>', message, url, gettext("In the change log"))


#: Names of filters, in the order in which they are described: PostgreSQL does not keep the order
#: of a JSON object.
NAMES = {
    "period": _("Period"),
    "first": _("From"),
    "last": _("Through"),
    "since": _("From"),
    "until": _("Before"),
    "account": _("Account"),
    "kind": _("Kind"),
    "outcome": _("Outcome"),
    "reason": _("Reason"),
    "q": _("Source IP or request id"),
    "noise": _("Internet noise"),
}
VALUES: dict[str, dict[Any, Any]] = {
    "period": {**ALL_PRESETS},
    "outcome": {Outcome(value).label: label for value, label in OUTCOME_CHOICES},
    "reason": {Reason(value).label: label for value, label in REASON_CHOICES},
    "kind": {
        **KINDS_LABELS,
        **{Kind(value).label: label for value, label in KIND_CHOICES},
    },
    "noise": {"only": _("only this"), "none": _("left out"), "shown": _("included")},
}


def describe_filters(filters: dict[str, str]) -> Iterator[str]:
    """Yield the name and value of each filter that an export recorded."""
    known = [name for name in NAMES if name in filters]
    for name in [*known, *sorted(filters.keys() - known)]:
        # The list stores an account's id, the command its slug, which may consist of digits, too.
        is_id = name == "account" and "first" in filters
        value = name_account(filters[name]) if is_id else format_value(name, filters[name])
        yield f"{NAMES.get(name, name)}: {value}"


def format_value(name: str, value: str) -> Any:
    if name in {"since", "until"}:
        return format_datetime(datetime.fromisoformat(value))
    return VALUES.get(name, {}).get(value, value)


def name_account(stored: str) -> Any:
    if stored == NO_ACCOUNT:
        return NO_ACCOUNT_LABEL
    return OfficialAccount.objects.filter(pk=stored).first() or stored
