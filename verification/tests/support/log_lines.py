"""Print log lines at once, where a test redirects or captures standard output."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from wechat_gateway.log_writer import LineWriter


@contextmanager
def printed_log_lines() -> Iterator[None]:
    with patch.object(LineWriter, "put", lambda _writer, text: sys.stdout.write(f"{text}\n")):
        yield
