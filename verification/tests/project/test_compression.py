"""Pages are compressed; callbacks, probes and downloads are not."""

from __future__ import annotations

import gzip
import hashlib
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from verification.models import OfficialAccount
from verification.tests.support.admin_client import last_event, page
from verification.tests.support.signer import verification

BROWSER = {"Accept-Encoding": "gzip, deflate, br"}


@pytest.mark.parametrize("path", ["/", "/admin/", "/no-such-page/"])
def test_a_page_is_compressed_for_a_browser(li_wei_at_work: Client, path: str) -> None:
    plain = li_wei_at_work.get(path)
    sent = li_wei_at_work.get(path, headers=BROWSER)

    assert "Content-Encoding" not in plain
    assert sent["Content-Encoding"] == "gzip"
    assert "Accept-Encoding" in sent["Vary"]
    assert gzip.decompress(sent.content).startswith(b"<!")
    assert len(sent.content) < len(plain.content)


def test_two_answers_differ_in_length_by_chance(db: None) -> None:
    lengths = {len(Client().get("/admin/login/", headers=BROWSER).content) for _ in range(20)}

    assert len(lengths) > 5


def test_neither_callbacks_nor_probes_are_compressed(brand_a: OfficialAccount) -> None:
    signed = f"/wechat/brand-a?{verification('TokenOfBrandA1234')}"
    answers = [Client().get(path, headers=BROWSER) for path in (signed, "/readyz", "/healthz")]

    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert not [answer for answer in answers if {"Content-Encoding", "Vary"} & set(answer.headers)]


@pytest.mark.parametrize("path", ["/admin/second-factor/", "reveal"])
def test_a_page_that_shows_a_secret_is_not_compressed(
    li_wei: User, brand_a: OfficialAccount, settings: Any, path: str
) -> None:
    client = Client(headers=BROWSER)
    client.force_login(li_wei)
    if path == "reveal":
        answer = client.post(reverse("admin:reveal_token", args=[brand_a.pk]), follow=True)
        assert b"TokenOfBrandA1234" in answer.content
    else:
        settings.ADMIN_REQUIRE_TOTP = True
        answer = client.get(path)
        assert b"qr-code" in answer.content

    assert "no-transform" in answer["Cache-Control"]
    assert "Content-Encoding" not in answer


def test_a_download_has_the_bytes_that_the_change_log_names(
    on_record: OfficialAccount, li_wei_at_work: Client
) -> None:
    download: Any = li_wei_at_work.post(page("verificationattempt_export"), headers=BROWSER)
    content = download.getvalue()

    assert "Content-Encoding" not in download
    assert download["Content-Length"] == str(len(content))
    assert last_event().facts["sha256"] == hashlib.sha256(content).hexdigest()
