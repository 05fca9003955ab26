from __future__ import annotations

import json
import logging
import signal
import sys
import threading
import time
from argparse import ArgumentParser
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management.base import CommandError
from django.db import DatabaseError, InterfaceError, connection
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from verification.alerts.channels import DeliveryError, configured_channels
from verification.alerts.message import Message
from verification.alerts.watch import Watch
from verification.audit_log.verifier import KeptHead
from verification.callbacks.postgresql_store import get_store
from verification.callbacks.readiness import find_problem
from verification.db.errors import describe
from verification.management.base import GatewayCommand
from verification.management.reports import parse_head
from verification.models import ChainHead

logger = logging.getLogger(__name__)
# Its lines are JSON, and LOG_LEVEL does not suppress them.
lines = logging.getLogger("verification.attempts")

#: The number of seconds between two lines with the chain's head.
HEAD_INTERVAL = 300


class Command(GatewayCommand):
    help = gettext_lazy(
        "Sends alerts by a WeCom group robot (ALERT_WECOM_WEBHOOK) and by e-mail "
        "(ALERT_EMAIL_TO): refusals, a first success, a rotation about to end before WeChat has "
        "used the new token, silence, a broken chain. Prints the chain's head every 5 minutes, so "
        "that you can keep it elsewhere. Runs until it is stopped."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--once",
            action="store_true",
            help=_(
                "Runs one round and exits, for a scheduler. The exit code is 1 if a channel "
                "failed, the log is broken, or /readyz is not ready."
            ),
        )
        parser.add_argument(
            "--test",
            action="store_true",
            help=_("Sends a test message to every channel and exits."),
        )
        parser.add_argument(
            "--head",
            metavar="SEAL:DIGEST",
            help=_(
                "The last head that an earlier watch printed, to find out if an older backup was "
                "restored while no watch was running."
            ),
        )

    def handle(self, *, once: bool, test: bool, head: str | None, **options: Any) -> None:
        signal.signal(signal.SIGTERM, exit_cleanly)
        signal.signal(signal.SIGINT, exit_cleanly)
        if test:
            self.send_test()
            return
        watch = make_watch()
        watch.printed = parse_head(head) if head is not None else None
        if once:
            run_once(watch)
        else:
            run_forever(watch)

    def send_test(self) -> None:
        """Send a test message to each channel, even if another one fails."""
        channels = configured_channels()
        if not channels:
            raise CommandError(
                _("Set ALERT_WECOM_WEBHOOK, or ALERT_EMAIL_TO and EMAIL_URL, first.")
            )
        with translation.override(settings.ALERT_LANGUAGE):
            text = _("This is a test: alerts arrive here.")
        failures = []
        for channel in channels:
            try:
                channel.send(Message(text, text))
                self.stdout.write(_("Sent by {channel}.").format(channel=channel.name))
            except DeliveryError as error:
                sentence = _("Could not send by {channel}: {why}.")
                failures.append(sentence.format(channel=channel.name, why=error))
        if failures:
            raise CommandError("\n".join(failures))


def make_watch() -> Watch:
    """Return a watch that sends by the channels of the settings."""
    channels = configured_channels()
    if not channels:
        logger.warning(
            "Neither ALERT_WECOM_WEBHOOK nor ALERT_EMAIL_TO is set: alerts go to this log only."
        )
    return Watch(channels)


def run_once(watch: Watch) -> None:
    result = watch.run_round()
    print_head()
    if not result.has_lease:
        logger.info("Nothing was done: another watch is running.")
    if result.has_log_problem:
        raise CommandError(_("The check of the log found a problem: run verify_audit."))
    if result.failed_channels:
        names = ", ".join(result.failed_channels)
        sentence = _("Could not send by {channels}: the lines above say why.")
        raise CommandError(sentence.format(channels=names))
    problem = find_problem()
    if problem:
        raise CommandError(_("Not ready: {problem}").format(problem=problem))


def run_forever(watch: Watch, stopping: threading.Event | None = None) -> None:
    """Run a round every ALERT_EVERY seconds, until the event is set if there is one.

    Waits while the database cannot be used.
    """
    logger.info("Watching, with a round every %d seconds.", settings.ALERT_EVERY)
    is_away, problem, head_due = False, None, time.monotonic()
    while stopping is None or not stopping.is_set():
        started = time.monotonic()
        try:
            watch.run_round()
            if started >= head_due:
                watch.printed = print_head()
                head_due = started + HEAD_INTERVAL
            with translation.override("en"):  # as all lines of the log
                problem = log_change_of_readiness(find_problem(), problem)
            if is_away:
                logger.info("The database answers again.")
            is_away = False
        except (DatabaseError, InterfaceError) as error:
            connection.close()
            if not is_away:
                logger.error("The database cannot be used (%s); waiting.", describe(error))
            is_away = True
        pause = max(started + settings.ALERT_EVERY - time.monotonic(), 0)
        if stopping is None:
            time.sleep(pause)
        else:
            stopping.wait(pause)


def log_change_of_readiness(problem: str | None, before: str | None) -> str | None:
    """Log a problem of /readyz once, and its end. Return the problem for the next call."""
    if problem and problem != before:
        logger.error("Not ready: %s", problem)
    if before and not problem:
        logger.info("Ready again.")
    return problem


def print_head() -> KeptHead:
    """Print the chain's head to a place that a change of the database cannot reach, and return it.

    The next round compares the log with it.
    """
    head = ChainHead.objects.first() or ChainHead()
    get_store().wait_for_disk()  # a head that is not on disk could be lost in a crash
    line = {"event": "chain_head", "at": timezone.now().isoformat(), "head": head.text}
    lines.info("%s", json.dumps(line))
    return KeptHead(head.last_seal_id, bytes(head.last_digest))


def exit_cleanly(_number: int, _frame: FrameType | None) -> None:
    sys.exit(0)
