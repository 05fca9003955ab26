"""Lets commands write to any terminal or pipe, and end quietly when they are stopped."""

from __future__ import annotations

import errno
import io
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from wechat_gateway.env import _, translate


def escape_unprintable() -> None:
    """Write characters that the terminal's encoding lacks as escapes, instead of failing.

    A command may already have changed something, such as a token that it prints only once.
    """
    # The caller may have closed them.
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115, stays open
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


@contextmanager
def exit_quietly() -> Iterator[None]:
    """Exit as a shell expects if the reader of the output has gone, or on Ctrl-C."""
    try:
        try:
            yield
        finally:
            sys.stdout.flush()  # here, because an error in the flush at exit cannot be handled
    except BrokenPipeError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        for number in (1, 2):  # either may be the pipe, and Python flushes both at exit
            os.dup2(nowhere, number)
        sys.exit(128 + signal.SIGPIPE)
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(translate(_("The output cannot be written, because the disk is full.")))
