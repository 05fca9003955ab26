from __future__ import annotations

import pytest

from verification.models import OfficialAccount
from verification.tests.support.messages import OTHER_AES_KEY
from verification.tests.support.requests_by_wecom_cause import W
from verification.tests.support.wecom import (
    OTHER_CORP_ID,
    make_wecom_app,
)
from verification.tests.support.wecom_calls import V


@pytest.fixture
def shop(db: None) -> OfficialAccount:
    return make_wecom_app("shop", W)


@pytest.fixture
def outlet(db: None) -> OfficialAccount:
    return make_wecom_app("outlet", V, key=OTHER_AES_KEY, corp_id=OTHER_CORP_ID)
