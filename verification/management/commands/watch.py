from __future__ import annotations

import json
import logging
import signal
import sys
import time
from argparse import ArgumentParser
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.db import DatabaseError, InterfaceError, connection
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from verification.alerts.channels import DeliveryError, configured_channels
from verification.alerts.message import Message
from verification.alerts.watch import Watch
from verification.callbacks.postgresql_store import get_store
from verification.callbacks.readiness import find_problem
from verification.db.errors import describe
from verification.management.base import GatewayCommand
from verification.models import ChainHead

logger = logging.getLogger(__name__)
lines = logging.getLogger("verification.attempts")  # JSON already, whatever LOG_LEVEL says

#: Seconds between two lines with the chain's head.
HEAD_EVERY = 300


class Command(GatewayCommand):
    help = (
        "Tell people, by a WeCom group robot (ALERT_WECOM_WEBHOOK) and by e-mail "
        "(ALERT_EMAIL_TO), what needs them: refusals, a first success, a rotation about to end "
        "unused, silence, a broken chain. Prints the chain's head every 5 minutes, to be kept "
        "elsewhere. Runs until it is stopped."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--once",
            action="store_true",
            help="look once, for a scheduler; exit code 1 if a channel failed, the log is broken, "
            "or /readyz would say that it is not ready",
        )
        parser.add_argument(
            "--test", action="store_true", help="only send a message, to see that it arrives"
        )

    def handle(self, *, once: bool, test: bool, **options: Any) -> None:
        signal.signal(signal.SIGTERM, leave)
        signal.signal(signal.SIGINT, leave)
        if test:
            self.send_test()
            return
        channels = configured_channels()
        if not channels:
            logger.warning(
                "Neither ALERT_WECOM_WEBHOOK nor ALERT_EMAIL_TO is set: alerts go to this log only."
            )
        watch = Watch(channels)
        if once:
            look_once(watch)
        else:
            keep_looking(watch)

    def send_test(self) -> None:
        """To each channel, whatever becomes of the others."""
        channels = configured_channels()
        if not channels:
            raise CommandError("Set ALERT_WECOM_WEBHOOK, or ALERT_EMAIL_TO and EMAIL_URL, first.")
        with translation.override(settings.ALERT_LANGUAGE):
            text = _("A test of the alerts: they arrive here.")
        failures = []
        for channel in channels:
            try:
                channel.send(Message(text, text))
                self.stdout.write(f"Told by {channel.name}.")
            except DeliveryError as why:
                failures.append(f"Not told by {channel.name}: {why}.")
        if failures:
            raise CommandError("\n".join(failures))


def look_once(watch: Watch) -> None:
    result = watch.take_round()
    print_head()
    if not result.is_ours:
        logger.info("Did not look: another watch is at it.")
    if result.is_log_broken:
        raise CommandError("The log is not intact: run verify_audit.")
    if result.failed:
        raise CommandError(f"Not told by {', '.join(result.failed)}: the lines above say why.")
    problem = find_problem()
    if problem:
        raise CommandError(f"Not ready: {problem}")


def keep_looking(watch: Watch) -> None:
    """For ever; a database that is away is waited for."""
    logger.info("Watching, with a look every %d seconds.", settings.ALERT_EVERY)
    is_away, problem, head_due = False, None, time.monotonic()
    while True:
        started = time.monotonic()
        try:
            if started >= head_due:
                print_head()
                head_due = started + HEAD_EVERY
            watch.take_round()
            problem = tell_of(find_problem(), problem)
            if is_away:
                logger.info("The database answers again.")
            is_away = False
        except (DatabaseError, InterfaceError) as error:
            connection.close()
            if not is_away:
                logger.error("The database cannot be used (%s); waiting.", describe(error))
            is_away = True
        time.sleep(max(started + settings.ALERT_EVERY - time.monotonic(), 0))


def tell_of(problem: str | None, before: str | None) -> str | None:
    """Once, of what /readyz would say, and when it is over."""
    if problem and problem != before:
        logger.error("Not ready: %s", problem)
    if before and not problem:
        logger.info("Ready again.")
    return problem


def print_head() -> None:
    """A line that whoever keeps our output has, and whoever changes the database has not."""
    head = ChainHead.objects.first() or ChainHead()
    get_store().wait_for_disk()  # until it is on disk, a crash could still take it away
    said = {"event": "chain_head", "at": timezone.now().isoformat(), "head": head.text}
    lines.info("%s", json.dumps(said))


def leave(_number: int, _frame: FrameType | None) -> None:
    sys.exit(0)
