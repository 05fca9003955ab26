from __future__ import annotations

import pytest
from django.test import Client

from verification.models import OfficialAccount
from verification.tests.support.adapter import A, B
from verification.tests.support.admin_client import wechat_pushes, wechat_verifies
from verification.tests.support.signer import verification


@pytest.fixture
def a_day(brand_a: OfficialAccount, brand_b: OfficialAccount) -> None:
    """Record five verifications, two pushes, and three requests that are internet noise."""
    for account, token in [(brand_a, A), (brand_a, B), (brand_b, B), (brand_b, B), (brand_b, A)]:
        wechat_verifies(account, token)
    wechat_pushes(brand_a, A)
    wechat_pushes(brand_a, B)
    Client().head(brand_a.server_path)
    Client(headers={"User-Agent": "zgrab"}).get(f"/wechat/wp-login?{verification(A)}")
    Client().get(f"/wechat/brand-a?{verification('')}")
