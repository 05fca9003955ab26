"""Explanations of attempts on the command line, and of refusals of send_check."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client

from verification.models import OfficialAccount
from verification.tests.support.adapter import A, B, last_attempt
from verification.tests.support.admin_client import query_is_lost
from verification.tests.support.fake_server import refusing, serving
from verification.tests.support.gunicorn import Gunicorn
from verification.tests.support.signer import verification
from verification.times import format_datetime


def test_it_explains_the_attempt_with_the_number(
    client: Client, brand_a: OfficialAccount, brand_b: OfficialAccount
) -> None:
    client.get(f"/wechat/brand-a?{verification(B)}")
    out = StringIO()
    call_command("explain_attempt", str(last_attempt().id), stdout=out)

    assert "What happened: This was signed with the token of “Brand-B”" in out.getvalue()
    assert "What to do:    Put the token of “Brand-A”" in out.getvalue()


def test_without_a_number_it_explains_the_last_refusal(
    client: Client, brand_a: OfficialAccount, brand_b: OfficialAccount
) -> None:
    client.get(f"/wechat/brand-a?{verification(B)}")
    refused = last_attempt()
    client.get("/wechat/brand-a")
    client.get(f"/wechat/brand-a?{verification(A)}")
    out = StringIO()
    call_command("explain_attempt", stdout=out)

    assert out.getvalue().startswith(
        f"Attempt {refused.id}, {format_datetime(refused.recorded_at)}: Refused"
    )
    assert " (UTC+8): " in out.getvalue()


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_call_of_wechats_that_lost_its_query_string_is_the_last_refusal(
    client: Client, brand_a: OfficialAccount, brand_b: OfficialAccount, method: str
) -> None:
    client.get(f"/wechat/brand-a?{verification(B)}")
    query_is_lost(brand_b, is_push=method == "POST")
    lost = last_attempt()
    for _visit in range(3):
        Client(headers={"User-Agent": "curl/8.5.0"}).generic(method, "/wechat/brand-b")
    out = StringIO()
    call_command("explain_attempt", stdout=out)

    assert out.getvalue().startswith(f"Attempt {lost.id}, ")
    assert "removed the query string" in out.getvalue()


def test_a_query_string_that_was_lost_before_the_last_refusal_is_history(
    client: Client, brand_a: OfficialAccount, brand_b: OfficialAccount
) -> None:
    query_is_lost(brand_a)
    client.get(f"/wechat/brand-a?{verification(B)}")
    refused = last_attempt()
    out = StringIO()
    call_command("explain_attempt", stdout=out)

    assert out.getvalue().startswith(f"Attempt {refused.id}, ")


def test_a_lost_query_string_is_found_although_nothing_else_was_refused(
    brand_a: OfficialAccount,
) -> None:
    query_is_lost(brand_a)
    out = StringIO()
    call_command("explain_attempt", stdout=out)

    assert "removed the query string" in out.getvalue()


def test_a_refused_self_test_is_not_the_last_refusal(
    gunicorn: Gunicorn, brand_a: OfficialAccount
) -> None:
    with pytest.raises(CommandError):
        call_command("send_check", "brand-a", token=B, url=f"{gunicorn.url}/wechat/brand-a")
    with pytest.raises(CommandError, match="No attempt was refused, except for self-tests"):
        call_command("explain_attempt")


def test_it_says_so_when_nothing_was_refused(client: Client, brand_a: OfficialAccount) -> None:
    client.get(f"/wechat/brand-a?{verification(A)}")
    with pytest.raises(CommandError, match="No attempt was refused"):
        call_command("explain_attempt")


def test_a_refusal_that_is_recorded_here_is_explained(
    gunicorn: Gunicorn, brand_a: OfficialAccount, brand_b: OfficialAccount
) -> None:
    with pytest.raises(CommandError) as refused:
        call_command("send_check", "brand-b", url=f"{gunicorn.url}/wechat/brand-a")

    assert f"Attempt {last_attempt().id}: This was signed with the token of “Brand-B”" in str(
        refused.value
    )


def test_a_refusal_that_is_recorded_elsewhere_must_be_explained_there(
    brand_a: OfficialAccount,
) -> None:
    with (
        serving(refusing) as server,
        pytest.raises(
            CommandError,
            match=r"Run `manage\.py explain_attempt` here and, if it was another server, there",
        ),
    ):
        call_command("send_check", "brand-a", url=server.url)
