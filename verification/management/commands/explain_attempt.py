from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import CommandError

from verification.diagnosis import explain
from verification.management.base import GatewayCommand
from verification.models import VerificationAttempt


class Command(GatewayCommand):
    help = "Say in two sentences why an attempt ended as it did, with the tokens known today."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "id", type=int, help="the attempt's number, as logs and exports give it"
        )

    def handle(self, *, id: int, **options: Any) -> None:  # noqa: A002
        attempt = VerificationAttempt.objects.select_related("account").filter(pk=id).first()
        if attempt is None:
            raise CommandError(f"There is no attempt {id}.")
        explanation = explain(attempt)
        self.stdout.write(
            f"Attempt {id}, {attempt.recorded_at:%Y-%m-%d %H:%M:%S} UTC: "
            f"{attempt.get_outcome_display()}"
        )
        self.stdout.write(f"What happened: {explanation.what_happened}")
        self.stdout.write(f"What to do:    {explanation.what_to_do}")
