from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError
from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from verification.attempts.index import ALL_IDS, NONE, AttemptIndex
from verification.diagnosis import explain, remark_on
from verification.management.base import GatewayCommand, add_json_argument
from verification.models import Checkpoint, OfficialAccount, VerificationAttempt
from verification.models.noise import LOST_QUERY
from verification.protocol.enums import Kind, Reason
from verification.times import format_datetime

#: The newest requests of browsers and bots among which calls of WeChat's are looked for.
MAX_NOISE = 1000


class Command(GatewayCommand):
    help = gettext_lazy(
        "Explains why an attempt ended as it did and what to do, based on the tokens currently "
        "stored, and reports what else is unusual."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "id",
            type=int,
            nargs="?",
            help=_(
                "The number of the attempt, as in logs and exports. The default is the last "
                "refused attempt that is not a self-test, a browser or a bot. A call with WeChat's "
                "user agent and without a query string counts: a proxy may have removed it."
            ),
        )
        add_json_argument(parser)

    def handle(self, *, id: int | None = None, **options: Any) -> None:  # noqa: A002
        attempt = find_last_refused() if id is None else find_attempt(id)
        explanation, remarks = explain(attempt), list(remark_on(attempt))
        if options["json"]:
            self.print_json(
                attempt=attempt.as_record(),
                cause=explanation.cause,
                what_happened=explanation.what_happened,
                what_to_do=explanation.what_to_do,
                remarks=[{"remark": remark.name, "text": remark.text} for remark in remarks],
            )
            return
        self.stdout.write(
            _("Attempt {attempt}, {time}: {outcome}").format(
                attempt=attempt.pk,
                time=format_datetime(attempt.recorded_at),
                outcome=attempt.get_outcome_display(),
            )
        )
        self.stdout.write(_("What happened: {text}").format(text=explanation.what_happened))
        self.stdout.write(_("What to do:    {text}").format(text=explanation.what_to_do))
        for remark in remarks:
            self.stdout.write(_("Also:          {text}").format(text=remark.text))


def find_attempt(number: int) -> VerificationAttempt:
    """Return the attempt, or raise CommandError and say if it was pruned."""
    attempt = VerificationAttempt.objects.select_related("account").filter(pk=number).first()
    if attempt is not None:
        return attempt
    checkpoint = Checkpoint.objects.first()
    if checkpoint and 0 < number <= checkpoint.last_attempt_id:
        first = checkpoint.last_attempt_id + 1
        sentence = _("Attempt {attempt} was pruned: the log begins with attempt {first}.")
        raise CommandError(sentence.format(attempt=number, first=first))
    raise CommandError(_("There is no attempt {attempt}.").format(attempt=number))


def find_last_refused() -> VerificationAttempt:
    """Return the last refused attempt that WeChat may have sent.

    It is no self-test and no row of unlike requests. A call of WeChat's that lost its query string
    is among the noise, of which only what is newer than the last other refusal is read.
    """
    accounts = [NONE, *OfficialAccount.objects.order_by().values_list("id", flat=True)]
    kinds = [kind for kind in Kind if kind is not Kind.SELF_TEST]
    reasons = [reason for reason in Reason if reason is not Reason.MIXED]
    last = AttemptIndex(accounts, kinds, reasons).newest(1)[:1]
    newer = range(last[0] + 1, ALL_IDS.stop) if last else ALL_IDS
    noise = AttemptIndex(accounts, kinds, [Reason.MISSING_PARAMETER], is_noise=True)
    unsigned = noise.newest(MAX_NOISE, newer)[:MAX_NOISE]
    attempts = VerificationAttempt.objects.filter(Q(pk__in=last) | Q(LOST_QUERY, pk__in=unsigned))
    attempt = attempts.select_related("account").order_by("-id").first()
    if attempt is None:
        raise CommandError(_("No attempt was refused, except for self-tests, browsers and bots."))
    return attempt
