from __future__ import annotations

import pytest

from verification.models import OfficialAccount
from verification.protocol.enums import Platform
from verification.tests.support.accounts import make_account
from verification.tests.support.adapter import A, B
from verification.tests.support.wecom import make_wecom_app


@pytest.fixture
def wecom_app(db: None) -> OfficialAccount:
    return make_wecom_app("service", A)


@pytest.fixture
def mini_program(db: None) -> OfficialAccount:
    return make_account("shop", B, platform=Platform.MINI_PROGRAM.value)
