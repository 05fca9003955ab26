"""An operator sets a backend, reads that it fails, mends it, and sees that nothing is lost."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from django.db import connections
from django.test import Client
from django.utils import timezone

from verification.models import Backend, Delivery, OfficialAccount, WatchPosition
from verification.relay import spool_size
from verification.tests.support.adapter import A
from verification.tests.support.admin_client import open_account, open_list, press
from verification.tests.support.backend import FakeBackend
from verification.tests.support.draining import draining, wait_until
from verification.tests.support.messages import text_message
from verification.tests.support.signer import push

pytestmark = [pytest.mark.postgresql, pytest.mark.django_db(transaction=True)]


@pytest.fixture(autouse=True)
def _clean(transactional_db: None) -> Iterator[None]:
    spool_size.spool_size.reset()
    yield
    connections.close_all()


def write(account: OfficialAccount, text: str, number: int) -> bytes:
    """Let a follower write, and return what WeChat is answered."""
    body = text_message(text, msg_id=str(number))
    answer = Client().post(f"{account.server_path}?{push(A)}", body, "text/xml")
    assert answer.status_code == 200
    return answer.content


def words(page: str) -> str:
    return " ".join(re.sub(r"<[^>]*>", " ", page).split())


def nothing_waits() -> bool:
    return not Delivery.objects.filter(state=Delivery.State.WAITING).exists()


def test_an_outage_is_said_in_words_and_nothing_is_lost(
    brand_a: OfficialAccount, li_wei: User, backend: FakeBackend
) -> None:
    at_work = Client()
    at_work.force_login(li_wei)
    press(at_work, "set_backend", brand_a.pk, url=backend.url, on_failure="keep", retention_days=3)
    assert write(brand_a, "When do you open?", 1) == b"success"
    assert "Works: took the last message at" in words(open_account(at_work, brand_a))

    backend.answer = lambda _: (503, b"being deployed")
    for number in (2, 3, 4, 5):
        assert write(brand_a, f"Are you there? {number}", number) == b"success"
    page = words(open_account(at_work, brand_a))
    assert "The backend answered with status 503." in page
    assert "start the application behind the proxy" in page
    assert "4 messages wait, the oldest since 20" in page
    assert "No worker runs" in page
    assert "error of the backend (503) · 4 messages wait" in words(open_list(at_work))
    assert "Are you there?" not in page

    backend.answer = lambda _: (200, b"success")
    press(at_work, "retry_deliveries", brand_a.pk)
    Backend.objects.update(next_probe_at=timezone.now())
    WatchPosition.objects.create(began_at=timezone.now(), held_until=timezone.now())
    with draining():
        wait_until(nothing_waits)

    page = words(open_account(at_work, brand_a))
    assert "Works: took the last message at" in page
    assert "The spool is empty." in page
    # Each of the four was offered again, and taken, in the order in which the follower wrote.
    taken = [body.decode() for body in backend.bodies()[-4:]]
    assert [re.search(r"there\? (\d)", body)[1] for body in taken] == [*"2345"]  # type: ignore[index]
