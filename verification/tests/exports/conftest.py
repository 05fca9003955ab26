from __future__ import annotations

import pytest

from wechat_gateway.log_writer import flush_all


@pytest.fixture
def capfdbinary(capfdbinary: pytest.CaptureFixture[bytes]) -> pytest.CaptureFixture[bytes]:
    """Capture the export alone, without log lines of earlier calls that are still queued."""
    flush_all()
    capfdbinary.readouterr()
    return capfdbinary
