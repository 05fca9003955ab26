from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client


@pytest.fixture
def _totp_required(settings: Any) -> None:
    settings.ADMIN_REQUIRE_TOTP = True


@pytest.fixture
def browser(li_wei: User) -> Client:
    """The browser of li.wei, who has entered the password."""
    client = Client()
    client.force_login(li_wei)
    return client
