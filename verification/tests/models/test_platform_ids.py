"""Which platform and which ids an account can have, in every form and command."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.exceptions import ValidationError

from verification.models import OfficialAccount
from verification.models.platform_ids import describe_unusual_id
from verification.protocol.enums import Platform
from verification.tests.support.accounts import make_account
from verification.tests.support.adapter import A
from verification.tests.support.admin_client import call
from verification.tests.support.messages import AES_KEY, APP_ID, ORIGINAL_ID, store_aes_key
from verification.tests.support.wecom import CORP_ID, SUITE_ID, make_wecom_app

OFFICIAL, MINI, WECOM = (platform.value for platform in Platform)
SECRET = "Wq3-v_8sLk2mN0pQ4rS6tU8vX1yZ3aB5cD7eF9gH1jK"  # pragma: allowlist secret


def problems(**fields: Any) -> dict[str, list[str]]:
    """Return what keeps a new account with these fields from being valid."""
    try:
        OfficialAccount(name="Brand", slug="brand", **fields).full_clean()
    except ValidationError as error:
        return error.message_dict
    return {}


@pytest.mark.parametrize(
    ("platform", "app_id", "suite_id"),
    [
        (OFFICIAL, "", ""),
        (OFFICIAL, APP_ID, ""),
        (MINI, "", ""),
        (MINI, "wx0123456789abcdef", ""),
        (WECOM, CORP_ID, ""),
        (WECOM, "wx5823bf96d3bd56c7", ""),
        (WECOM, "wpAbCdEfGhIj_KlMn-OpQrStUvWxYz0123", ""),
        (WECOM, CORP_ID, SUITE_ID),
        (WECOM, CORP_ID, "tj4asffe99e54c0f4c"),
        (WECOM, CORP_ID, "dk4asffe99e54c0f4c"),
    ],
)
@pytest.mark.django_db
def test_the_ids_of_every_platform_are_accepted(platform: int, app_id: str, suite_id: str) -> None:
    assert problems(platform=platform, app_id=app_id, suite_id=suite_id) == {}


@pytest.mark.parametrize(
    ("platform", "app_id", "sentence"),
    [
        (OFFICIAL, ORIGINAL_ID, "This is the original ID"),
        (MINI, ORIGINAL_ID, "This is the original ID"),
        (OFFICIAL, "0123456789abcdef" * 2, "This looks like an AppSecret"),
        (OFFICIAL, CORP_ID, "This is a CorpID"),
        (MINI, CORP_ID, "This is a CorpID"),
        (OFFICIAL, "wx 0123456789abcdef", "An AppID is “wx”"),
        (OFFICIAL, "Brand A", "An AppID is “wx”"),
        (OFFICIAL, "wx1", "An AppID is “wx”"),
        (WECOM, "", "Enter the CorpID"),
        (WECOM, ORIGINAL_ID, "This is the original ID"),
        (WECOM, "0123456789abcdef" * 2, "This looks like a Secret or an EncodingAESKey"),
        (WECOM, "1000002", "This is an AgentId."),
        (WECOM, "tj4asffe99e54c0f4c", "This is a SuiteID."),
        (WECOM, "dk4asffe99e54c0f4c", "This is a SuiteID."),
        (WECOM, "My company", "A CorpID is “ww” or “wx”"),
        (WECOM, "企业", "A CorpID is “ww” or “wx”"),
    ],
)
@pytest.mark.django_db
def test_what_is_no_id_of_the_platform_is_refused_in_a_sentence(
    platform: int, app_id: str, sentence: str
) -> None:
    [message] = problems(platform=platform, app_id=app_id)["app_id"]
    assert sentence in message


@pytest.mark.parametrize("text", [SECRET, AES_KEY])
def test_a_secret_is_refused_and_not_repeated(db: None, text: str) -> None:
    """It is longer than the column, which is a second reason."""
    found = str(problems(platform=WECOM, app_id=text))

    assert "at most 40 characters" in found or "This looks like a Secret" in found
    assert text not in found


@pytest.mark.parametrize(
    ("platform", "suite_id", "field", "sentence"),
    [
        (OFFICIAL, SUITE_ID, "suite_id", "Only a WeCom app has a SuiteID."),
        (MINI, SUITE_ID, "suite_id", "Only a WeCom app has a SuiteID."),
        (WECOM, "1000002", "suite_id", "A SuiteID is “ww”"),
        (WECOM, f"{SUITE_ID}0", "suite_id", "A SuiteID is “ww”"),
        (WECOM, CORP_ID, "app_id", "This is the SuiteID. Enter the CorpID of the provider"),
    ],
)
@pytest.mark.django_db
def test_a_suite_id_is_for_a_wecom_app_and_not_its_corp_id(
    platform: int, suite_id: str, field: str, sentence: str
) -> None:
    app_id = CORP_ID if platform == WECOM else ""
    [message] = problems(platform=platform, app_id=app_id, suite_id=suite_id)[field]
    assert sentence in message


def test_an_unusual_corp_id_gets_a_warning() -> None:
    assert (
        describe_unusual_id(CORP_ID, WECOM)
        == describe_unusual_id("wx5823bf96d3bd56c7", WECOM)
        == ""
    )
    assert describe_unusual_id("anything", OFFICIAL) == ""
    assert "is not shaped like a CorpID" in describe_unusual_id(CORP_ID[:-1], WECOM)
    assert "is not shaped like a CorpID" in describe_unusual_id(CORP_ID.upper(), WECOM)


def test_an_app_id_of_an_earlier_release_stays_until_it_is_changed(
    brand_a: OfficialAccount,
) -> None:
    OfficialAccount.objects.update(app_id="see Brand B")
    account = OfficialAccount.objects.get()
    account.name = "Brand 1"
    account.full_clean()

    account.app_id = "see Brand C"
    with pytest.raises(ValidationError, match="An AppID is “wx”"):
        account.full_clean()


def test_an_id_that_a_key_needs_cannot_be_removed(brand_a: OfficialAccount) -> None:
    store_aes_key(brand_a, AES_KEY)
    brand_a.app_id = ""
    with pytest.raises(ValidationError, match="The EncodingAESKey needs it"):
        brand_a.full_clean()


def test_the_platform_can_change_until_it_has_called_successfully(db: None) -> None:
    account = make_wecom_app("brand-a", A)
    call("/wechat/brand-a", A)  # as an official account, which is refused
    account.platform, account.app_id = OFFICIAL, APP_ID
    account.full_clean()
    account.save()
    call("/wechat/brand-a", A)

    account.platform, account.app_id = WECOM, CORP_ID
    with pytest.raises(ValidationError) as refusal:
        account.full_clean()
    assert [*refusal.value.message_dict] == ["platform"]
    assert "it has called successfully" in str(refusal.value)


def test_another_platform_needs_its_own_id(db: None) -> None:
    account = make_account("brand-a", A, app_id=APP_ID)
    account.platform, account.app_id = WECOM, ""
    with pytest.raises(ValidationError, match="Enter the CorpID"):
        account.full_clean()
