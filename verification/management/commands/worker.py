from __future__ import annotations

import asyncio
import logging
import signal
import threading
from typing import Any

from django.db import connection
from django.utils.translation import gettext_lazy

from verification.alerts.watch import Watch
from verification.management.base import GatewayCommand
from verification.management.commands.watch import exit_cleanly, make_watch, run_forever
from verification.relay.client import BackendClient
from verification.relay.drain import TIMEOUT, Drain, print_line

logger = logging.getLogger(__name__)

#: Seconds in which it ends after SIGTERM. systemd and containers kill after 30 s.
GRACE = 20


class Command(GatewayCommand):
    help = gettext_lazy(
        "Delivers waiting messages to their backends, and sends alerts as watch does. Run one or "
        "more of it beside the web processes. Runs until it is stopped; then it takes no more "
        "messages, and finishes those that are on their way."
    )

    def handle(self, **options: Any) -> None:
        watch = make_watch()
        if connection.vendor == "postgresql":
            asyncio.run(work(watch))
            return
        logger.info("There is nothing to deliver: messages are kept only on PostgreSQL.")
        signal.signal(signal.SIGTERM, exit_cleanly)
        signal.signal(signal.SIGINT, exit_cleanly)
        run_forever(watch)


async def work(watch: Watch) -> None:
    """Deliver messages and run the watch, until a signal comes or the watch fails."""
    loop = asyncio.get_running_loop()
    drain, stopping = Drain(BackendClient()), threading.Event()
    watching: asyncio.Future[None] = loop.create_future()

    def stop() -> None:
        drain.stop()
        stopping.set()

    def run_watch() -> None:
        """Run the watch in a thread of its own, because it waits for channels and sleeps."""
        error: Exception | None = None
        try:
            run_forever(watch, stopping)
        except Exception as raised:
            error = raised
        connection.close()
        loop.call_soon_threadsafe(end_watch, error)

    def end_watch(error: Exception | None) -> None:
        if error is None:
            watching.set_result(None)
        else:
            watching.set_exception(error)
        stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    print_line("worker_started")
    threading.Thread(target=run_watch, name="watch", daemon=True).start()
    await drain.run()
    # A round that waits for a channel for longer than this is cut off; the next watch repeats it.
    try:
        async with asyncio.timeout(GRACE - TIMEOUT):
            await watching
    except TimeoutError:
        pass
    print_line("worker_stopped")
