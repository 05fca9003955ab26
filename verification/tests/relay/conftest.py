from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connections

from verification.relay import spool_size


class Everywhere:
    """Stands for RELAY_PRIVATE_HOSTS with every host and port."""

    def __contains__(self, _pair: object) -> bool:
        return True


@pytest.fixture
def private_hosts(settings: Any) -> None:
    settings.RELAY_PRIVATE_HOSTS = Everywhere()


@pytest.fixture
def empty_spool(transactional_db: None) -> Iterator[None]:
    """Forget the size of the spool of the test before, and close what other threads have opened."""
    spool_size.spool_size.reset()
    yield
    connections.close_all()
