"""The examples of docs/backend.md run as the page shows them, each as a process of its own."""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import psycopg2
import pytest
from django.core.management import call_command

from verification.models import OfficialAccount
from verification.tests.support.accounts import make_account
from verification.tests.support.backend import WEBHOOK_SECRET, set_backend
from verification.tests.support.backend_process import post, running_backend
from verification.tests.support.documents import code_of
from verification.tests.support.gunicorn import Gunicorn, database_url
from verification.tests.support.messages import (
    AES_KEY,
    FOLLOWER,
    ORIGINAL_ID,
    store_aes_key,
    subscribe_event,
    text_message,
)
from verification.tests.support.node import node_modules
from verification.tests.support.webhooks import webhook_headers
from verification.tests.support.wechat import Mode, WeChat

PAGE = "docs/backend.md"
OTHER_SECRET = "whsec_bm90IHRoZSBzZWNyZXQgb2YgYnJhbmQgYSwgc29ycnkh"


class Example(NamedTuple):
    url: str
    stored: Callable[[], list[bytes]]  #: returns the bodies that the backend has stored


@contextmanager
def flask_example(place: Path, port: int) -> Iterator[Example]:
    (code,) = code_of(PAGE, "Flask")
    (place / "backend.py").write_text(code)
    command = f"exec {sys.executable} -m flask --app backend run --port $PORT"
    with running_backend(command, place, port, WEBHOOK_SECRET=WEBHOOK_SECRET) as url:
        yield Example(f"{url}/wechat", lambda: select_sqlite(place / "messages.db", "message"))


@contextmanager
def django_example(place: Path, port: int) -> Iterator[Example]:
    models, views = code_of(PAGE, "Django")
    call_command("startproject", "company", str(place))
    app = place / "shop"
    app.mkdir()
    (app / "__init__.py").touch()
    (app / "models.py").write_text(models)
    (app / "views.py").write_text(views)
    (place / "company/urls.py").write_text(
        "from django.urls import path\n"
        "from shop import views\n"
        'urlpatterns = [path("wechat", views.receive)]\n'
    )
    with (place / "company/settings.py").open("a") as settings:
        settings.write('INSTALLED_APPS.append("shop")\n')
        # Django's own migrations would take seconds.
        settings.write('MIGRATION_MODULES = dict.fromkeys(["admin", "auth", "contenttypes"])\n')
    manage = f"{sys.executable} manage.py"
    command = f"{manage} migrate --run-syncdb && exec {manage} runserver --noreload $PORT"
    with running_backend(command, place, port, WEBHOOK_SECRET=WEBHOOK_SECRET) as url:
        yield Example(f"{url}/wechat", lambda: select_sqlite(place / "db.sqlite3", "shop_message"))


@contextmanager
def express_example(place: Path, port: int) -> Iterator[Example]:
    (code,) = code_of(PAGE, "Express")
    (place / "backend.mjs").write_text(code)
    (place / "node_modules").symlink_to(node_modules())
    with own_database() as database:
        variables = {"WEBHOOK_SECRET": WEBHOOK_SECRET, "DATABASE_URL": database}
        with running_backend("exec node backend.mjs", place, port, **variables) as url:
            yield Example(f"{url}/wechat", lambda: select_postgresql(database))


@contextmanager
def own_database() -> Iterator[str]:
    """Create a PostgreSQL database beside the one of the tests, and yield its address."""
    name = f"example_backend_{os.getpid()}"
    with closing(psycopg2.connect(database_url())) as server:
        server.autocommit = True
        with server.cursor() as cursor:
            cursor.execute(f"CREATE DATABASE {name}")
            try:
                yield database_url().rpartition("/")[0] + f"/{name}"
            finally:
                cursor.execute(f"DROP DATABASE {name} WITH (FORCE)")


def select_sqlite(path: Path, table: str) -> list[bytes]:
    with closing(sqlite3.connect(path)) as database:
        return [body for (body,) in database.execute(f"SELECT body FROM {table}")]


def select_postgresql(url: str) -> list[bytes]:
    with closing(psycopg2.connect(url)) as database, database.cursor() as cursor:
        cursor.execute("SELECT body FROM message")
        return [bytes(body) for (body,) in cursor]


EXAMPLES = [
    pytest.param(flask_example, id="flask"),
    pytest.param(django_example, id="django"),
    pytest.param(express_example, id="express", marks=[pytest.mark.node, pytest.mark.postgresql]),
]


@pytest.fixture(params=EXAMPLES)
def example(
    request: pytest.FixtureRequest, tmp_path: Path, backend_port: int, django_db_setup: None
) -> Iterator[Example]:
    with request.param(tmp_path, backend_port) as running:
        yield running


QUESTION = text_message("你们几点开门？", msg_id="24690313861234567")
EVENT = subscribe_event()


def test_an_example_takes_signed_messages_once_and_refuses_forged_ones(
    example: Example, gunicorn: Gunicorn
) -> None:
    """One test, because an example takes a second to start."""
    stores_a_question_once_and_answers_each_repeat(example)
    takes_one_right_signature_of_two_while_the_secret_is_changed(example)
    assert example.stored() == [QUESTION, EVENT, EVENT]
    refuses_forged_messages(example)
    assert example.stored() == [QUESTION, EVENT, EVENT]
    stores_once_what_wechat_repeats_through_the_gateway(example, gunicorn)
    answers_encrypted_messages_that_are_forwarded_decrypted(example, gunicorn)


def stores_a_question_once_and_answers_each_repeat(example: Example) -> None:
    reply = post(example.url, QUESTION, webhook_headers(QUESTION))
    assert reply.status == 200
    fields = ElementTree.fromstring(reply.body)
    assert fields.findtext("ToUserName") == FOLLOWER
    assert fields.findtext("FromUserName") == ORIGINAL_ID
    assert fields.findtext("MsgType") == "text"
    assert fields.findtext("Content") == "Thank you!"
    assert (fields.findtext("CreateTime") or "").isdigit()
    assert example.stored() == [QUESTION]

    repeat = post(example.url, QUESTION, webhook_headers(QUESTION, age=timedelta(seconds=9)))
    assert (repeat.status, repeat.body[:30]) == (200, reply.body[:30])
    assert example.stored() == [QUESTION]


def takes_one_right_signature_of_two_while_the_secret_is_changed(example: Example) -> None:
    for number, secrets in enumerate(
        [(WEBHOOK_SECRET, OTHER_SECRET), (OTHER_SECRET, WEBHOOK_SECRET)]
    ):
        headers = webhook_headers(EVENT, *secrets, webhook_id=f"msg_event_{number}")
        assert post(example.url, EVENT, headers) == (200, b"success")


def refuses_forged_messages(example: Example) -> None:
    forged = webhook_headers(QUESTION, webhook_id="msg_forged")
    for headers in (
        {},
        webhook_headers(QUESTION, OTHER_SECRET, webhook_id="msg_forged"),
        webhook_headers(EVENT, webhook_id="msg_forged"),
        webhook_headers(QUESTION, webhook_id="msg_forged", age=timedelta(hours=1)),
        {**webhook_headers(QUESTION), "webhook-id": "msg_forged"},
        {**forged, "webhook-timestamp": str(int(forged["webhook-timestamp"]) + 1)},
        {**forged, "webhook-signature": ""},
        {**forged, "webhook-signature": "v1,bm8= v1,"},
    ):
        assert post(example.url, QUESTION, headers).status == 401


def stores_once_what_wechat_repeats_through_the_gateway(
    example: Example, gunicorn: Gunicorn
) -> None:
    """WeChat sends a message and, as if it had got no answer, sends it again."""
    before = example.stored()
    set_backend(make_account("brand-a", "TokenOfBrandA1234"), example.url)
    wechat = WeChat(f"{gunicorn.url}/wechat/brand-a", "TokenOfBrandA1234")
    for _ in range(2):
        answer = wechat.push("有停车场吗？", "24690313861234568")
        assert wechat.read_reply(answer) == "Thank you!"

    message = text_message("有停车场吗？", msg_id="24690313861234568")
    assert example.stored() == [*before, message]


def answers_encrypted_messages_that_are_forwarded_decrypted(
    example: Example, gunicorn: Gunicorn
) -> None:
    account = OfficialAccount.objects.get()
    store_aes_key(account, AES_KEY)
    set_backend(account, example.url, forwards_decrypted=True)
    wechat = WeChat(f"{gunicorn.url}/wechat/brand-a", "TokenOfBrandA1234")
    answer = wechat.push("可以退货吗？", "24690313861234569", Mode.SECURITY)

    assert b"<Encrypt>" in answer.body
    assert wechat.read_reply(answer) == "Thank you!"
    assert example.stored()[-1] == text_message("可以退货吗？", msg_id="24690313861234569")


@pytest.mark.parametrize(
    ("heading", "start"),
    [("Flask", "def receive"), ("Django", "def receive"), ("Express", "app.post")],
)
def test_an_example_has_ten_lines(heading: str, start: str) -> None:
    """The lines of the function, without its first one."""
    function = code_of(PAGE, heading)[-1].partition(start)[2].partition("\n\n")[0]

    assert len(function.strip().splitlines()[1:]) <= 11
