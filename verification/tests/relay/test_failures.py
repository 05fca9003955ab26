"""Every way in which a delivery can end has a sentence, and every failure says what to do."""

from __future__ import annotations

import pytest
from django.utils import timezone, translation

from verification.models import Backend
from verification.protocol.enums import DeliveryResult
from verification.relay.failures import advise, describe

FAILURES = [result for result in DeliveryResult if result is not DeliveryResult.DELIVERED]


@pytest.mark.parametrize("status", [None, 0, 302, 404, 500])
@pytest.mark.parametrize("result", DeliveryResult)
def test_each_result_has_a_sentence(result: DeliveryResult, status: int | None) -> None:
    sentence = describe(result, status)

    assert sentence.endswith((".", ")."))
    assert "{" not in sentence
    assert "None" not in sentence
    assert " 0" not in sentence


@pytest.mark.parametrize("result", FAILURES)
def test_each_failure_says_what_to_do(result: DeliveryResult) -> None:
    assert advise(result).endswith(".")
    assert advise(result, 599).endswith(".")


def test_there_is_nothing_to_do_about_a_delivered_message() -> None:
    assert advise(DeliveryResult.DELIVERED, 200) == ""


def test_the_status_decides_what_to_do_about_a_refusal() -> None:
    assert "path of the backend URL" in advise(DeliveryResult.CLIENT_ERROR, 404)
    assert "1 MiB" in advise(DeliveryResult.CLIENT_ERROR, 413)
    assert "backend's log" in advise(DeliveryResult.CLIENT_ERROR, 422)
    assert "sign-in" in advise(DeliveryResult.SERVER_ERROR, 403)
    for status in (401, 403):
        assert advise(DeliveryResult.SERVER_ERROR, status).startswith(
            "If the backend checks the webhook signature, compare its webhook secret"
        )
    assert "proxy" in advise(DeliveryResult.SERVER_ERROR, 502)
    assert "backend's log" in advise(DeliveryResult.SERVER_ERROR, 500)


@pytest.mark.parametrize(
    ("status", "may_be_form"),
    [(400, True), (401, True), (403, True), (404, False), (415, True), (500, True), (502, False)],
)
def test_a_refusal_may_mean_that_the_backend_expects_encrypted_messages(
    status: int, may_be_form: bool
) -> None:
    result = DeliveryResult.CLIENT_ERROR if status < 500 else DeliveryResult.SERVER_ERROR
    decrypted = Backend(forwards_decrypted=True)
    has_taken = Backend(forwards_decrypted=True, last_success_at=timezone.now())

    said = "has taken none yet: check that it expects plain XML or JSON"
    assert (said in advise(result, status, decrypted)) == may_be_form
    assert said not in advise(result, status, has_taken)
    assert said not in advise(result, status, Backend())


def test_a_backend_that_cannot_be_reached_has_refused_no_form() -> None:
    decrypted = Backend(forwards_decrypted=True)

    for result in (DeliveryResult.TIMEOUT, DeliveryResult.NOT_HTTP, DeliveryResult.REDIRECT):
        assert advise(result, None, decrypted) == advise(result)


def test_a_sentence_names_the_status() -> None:
    assert describe(DeliveryResult.SERVER_ERROR, 500) == "The backend answered with status 500."
    assert "(status 302)" in describe(DeliveryResult.REDIRECT, 302)


def test_a_sentence_is_in_the_language_of_the_reader() -> None:
    with translation.override("zh-hans"):
        chinese = describe(DeliveryResult.KEY_MISSING) + advise(DeliveryResult.KEY_MISSING)

    assert "TOKEN_ENCRYPTION_KEYS" in chinese
    assert any("\u4e00" <= letter <= "\u9fff" for letter in chinese)
