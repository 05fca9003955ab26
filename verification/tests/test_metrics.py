"""/metrics as Prometheus reads it."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import urllib.request
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as project_settings
from django.core.management import call_command
from django.db import OperationalError
from django.test import Client
from django.utils import timezone
from prometheus_client.openmetrics.parser import (
    text_string_to_metric_families as parse_openmetrics,
)
from prometheus_client.parser import text_string_to_metric_families

from verification import __version__, probes
from verification.accounts.tokens import rotate_token
from verification.alerts.watch import Watch
from verification.change_log import Actor
from verification.models import ChainHead, OfficialAccount, VerificationAttempt
from verification.protocol.enums import DeliveryResult
from verification.tests.conftest import Record
from verification.tests.support.adapter import A, B
from verification.tests.support.admin_client import (
    we_test,
    wechat_pushes,
    wechat_verifies,
)
from verification.tests.support.backups import restored_afterwards
from verification.tests.support.deliveries import (
    count_deliveries,
    give_backend,
    give_failing_backend,
    keep_waiting,
    make_dead,
)
from verification.tests.support.gunicorn import running_gunicorn
from verification.tests.support.tampering import as_owner

KEY = "hunter2-" * 5
BEARER = {"Authorization": f"Bearer {KEY}"}
PROMTOOL = shutil.which("promtool")
needs_promtool = pytest.mark.skipif(not PROMTOOL, reason="apt install prometheus")
Samples = dict[tuple[str, ...], float]


@pytest.fixture
def key(settings: Any) -> str:
    settings.METRICS_KEY = KEY
    return KEY


def scrape(**headers: str) -> str:
    answer = Client().get("/metrics", headers={**BEARER, **headers})
    assert answer.status_code == 200, answer.text
    return answer.text


def read(text: str | None = None) -> Samples:
    """Return the samples by name and label values, without `wechat_gateway_`."""
    return {
        (sample.name.removeprefix("wechat_gateway_"), *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(scrape() if text is None else text)
        for sample in family.samples
    }


# --- Who may read them


@pytest.mark.django_db
def test_metrics_answers_404_unless_its_key_is_set(client: Client) -> None:
    for method in (client.get, client.head, client.post):
        assert method("/metrics", headers=BEARER).status_code == 404
    assert client.get("/metrics").content == client.get("/no-such-page").content


@pytest.mark.parametrize(
    "header",
    [
        *("", KEY, "Bearer", "Bearer ", f"Bearer {KEY[:-1]}", f"Bearer {KEY}x", f"Basic {KEY}"),
        *(f"Bearer {KEY.upper()}", f"Bearer {KEY} {KEY}", "Bearer ключ"),
    ],
)
def test_another_key_is_refused_without_a_cookie(
    key: str, client: Client, db: None, header: str
) -> None:
    answer = client.get("/metrics", headers={"Authorization": header} if header else {})

    assert answer.status_code == 401
    assert answer["WWW-Authenticate"] == 'Bearer realm="metrics"'
    assert answer["Content-Type"] == "text/plain; charset=utf-8"
    assert not answer.cookies
    assert KEY not in answer.text


def test_prometheus_inside_a_cluster_may_use_http(key: str, client: Client, settings: Any) -> None:
    settings.SECURE_SSL_REDIRECT = True

    assert client.get("/metrics").status_code == 401


def test_only_get_and_head_are_answered(key: str, client: Client, db: None) -> None:
    assert client.post("/metrics", headers=BEARER).status_code == 405
    assert client.head("/metrics", headers=BEARER).status_code == 200


def test_a_key_of_other_letters_than_ascii_works(client: Client, settings: Any, db: None) -> None:
    settings.METRICS_KEY = "密钥" * 16
    sent = "Bearer " + settings.METRICS_KEY.encode().decode("latin-1")

    assert client.get("/metrics", headers={"Authorization": sent}).status_code == 200


def test_the_key_is_on_no_error_page_and_in_no_log(
    key: str, settings: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    settings.DEBUG = True
    monkeypatch.setattr(probes, "render_metrics", lambda accept: 1 / 0)
    answer = Client(raise_request_exception=False).get("/metrics", headers=BEARER)

    assert answer.status_code == 500
    assert "ZeroDivisionError" in answer.text
    assert KEY not in answer.text + caplog.text


def test_a_database_that_is_away_is_said_in_a_sentence(
    key: str, client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(accept: str) -> None:
        raise OperationalError("hunter2")

    monkeypatch.setattr(probes, "render_metrics", fail)
    answer = client.get("/metrics", headers=BEARER)

    assert (answer.status_code, answer.text) == (
        503,
        "The database cannot be used. /readyz says why.",
    )
    assert "No metrics: the database cannot be used (OperationalError)." in caplog.text
    assert "hunter2" not in caplog.text


# --- What they say


def test_attempts_add_up_to_audit_totals(
    key: str, brand_a: OfficialAccount, brand_b: OfficialAccount
) -> None:
    wechat_verifies(brand_a, A)
    wechat_pushes(brand_a, A)
    wechat_pushes(brand_a, A)
    we_test(brand_b, B)
    wechat_verifies(brand_b, A)
    Client().get("/wechat/nobody")  # noise: a browser
    samples, out = read(), StringIO()
    call_command("audit_totals", json=True, stdout=out)

    attempts = "attempts_total"
    assert samples[attempts, "brand-a", "url_verification", "accepted"] == 1
    assert samples[attempts, "brand-a", "message_push", "accepted"] == 2
    assert samples[attempts, "brand-a", "message_push", "refused"] == 0
    assert samples[attempts, "brand-b", "self_test", "accepted"] == 1
    assert samples[attempts, "brand-b", "url_verification", "refused"] == 1
    assert samples["noise_total",] == 1
    counted = sum(value for name, value in samples.items() if name[0] == attempts)
    assert counted + samples["noise_total",] == json.loads(out.getvalue())["total"]
    assert samples["recent_refusals", "brand-b", "url_verification", "signature_mismatch"] == 1


def test_the_sums_of_past_hours_are_kept_but_not_for_an_older_backup(
    key: str, brand_a: OfficialAccount, record: Record
) -> None:
    accepted = ("attempts_total", "brand-a", "url_verification", "accepted")
    record(2, 1)
    assert read()[accepted] == 1
    with restored_afterwards():
        record(1, 1)
        record(0, 1)
        assert (read()[accepted], read()[accepted]) == (3, 3)

    assert read()[accepted] == 1
    record(0, 1)
    assert read()[accepted] == 2


def test_the_log_its_check_and_the_worker_are_shown(
    key: str, brand_a: OfficialAccount, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = timezone.now().timestamp()
    assert ("watch_last_seen_timestamp_seconds",) not in read()
    wechat_verifies(brand_a, A)
    wechat_verifies(brand_a, B)
    Watch([]).run_round()
    samples = read()

    now = timezone.now().timestamp()
    assert samples["chain_head_seal",] == ChainHead.objects.get().last_seal_id == 2
    for name in ("chain_head", "log_last_check", "watch_last_seen"):
        assert before <= samples[f"{name}_timestamp_seconds",] <= now
    assert (samples["log_intact",], samples["ready",]) == (1, 1)
    assert samples["open_alerts", "refused"] == 1
    assert ("open_alerts", "first_success") not in samples
    assert samples["build_info", __version__] == 1


def test_an_altered_log_is_shown(key: str, brand_a: OfficialAccount) -> None:
    wechat_verifies(brand_a, A)
    as_owner(VerificationAttempt, "UPDATE {table} SET status = 500 WHERE id = 1")
    Watch([]).run_round()
    samples = read()

    assert (samples["log_intact",], samples["open_alerts", "chain_broken"]) == (0, 1)


def test_accounts_are_counted_by_the_state_in_their_list(
    key: str, brand_a: OfficialAccount, brand_b: OfficialAccount
) -> None:
    wechat_pushes(brand_a, A)
    OfficialAccount.objects.filter(pk=brand_b.pk).update(is_paused=True)
    samples = read()

    states = {name[1]: value for name, value in samples.items() if name[0] == "accounts"}
    assert {state for state, count in states.items() if count} == {"receiving", "paused"}
    assert len(states) == 7


def test_the_end_of_an_old_token_is_shown(key: str, brand_a: OfficialAccount) -> None:
    wechat_verifies(brand_a, A)
    rotate_token(brand_a, B, actor=Actor("li.wei"))
    wechat_verifies(brand_a, B)
    end = read()["token_end_timestamp_seconds", "brand-a"]

    assert abs(end - (timezone.now() + timedelta(hours=24)).timestamp()) < 60


# --- Their format


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        ("", "text/plain; version=0.0.4"),
        ("*/*", "text/plain; version=0.0.4"),
        ("application/openmetrics-text;version=1.0.0", "application/openmetrics-text; version=1.0"),
        ("application/openmetrics-text;version=a.b", "text/plain; version=0.0.4"),
    ],
)
def test_the_format_is_the_one_that_is_asked_for(
    key: str, client: Client, on_record: OfficialAccount, accept: str, content_type: str
) -> None:
    answer = client.get("/metrics", headers={**BEARER, "Accept": accept})
    parse = text_string_to_metric_families
    if "openmetrics" in content_type:
        parse = parse_openmetrics

    assert answer["Content-Type"].startswith(content_type)
    assert len(list(parse(answer.text))) > 8


@needs_promtool
def test_promtool_accepts_the_metrics_and_the_rules(key: str, on_record: OfficialAccount) -> None:
    Watch([]).run_round()
    rules = project_settings.BASE_DIR / "deploy" / "prometheus-rules.yml"
    text = scrape()
    metrics = subprocess.run(
        [str(PROMTOOL), "check", "metrics"], input=text, capture_output=True, text=True
    )
    checked = subprocess.run([str(PROMTOOL), "check", "rules", str(rules)], capture_output=True)

    assert (metrics.returncode, metrics.stdout + metrics.stderr) == (0, "")
    assert checked.returncode == 0, checked.stderr


def test_the_rules_use_metrics_that_exist(key: str, on_record: OfficialAccount) -> None:
    give_backend(on_record)
    keep_waiting(on_record)
    count_deliveries(on_record, DeliveryResult.TIMEOUT, 3)
    Watch([]).run_round()
    rules = (project_settings.BASE_DIR / "deploy" / "prometheus-rules.yml").read_text()
    used = set(re.findall(r"\bwechat_gateway_([a-z_]+)", rules))

    assert used
    assert used <= {name[0] for name in read()}


def test_a_scrape_takes_a_constant_number_of_queries(
    key: str, on_record: OfficialAccount, django_assert_max_num_queries: Any
) -> None:
    with django_assert_max_num_queries(41):
        scrape()


# --- Two processes


@pytest.mark.process
@pytest.mark.django_db(transaction=True)
def test_two_workers_show_the_same_numbers(tmp_path: Path, brand_a: OfficialAccount) -> None:
    with running_gunicorn(tmp_path / "output", METRICS_KEY=KEY) as server:
        for _ in range(4):
            wechat_verifies(brand_a, A)
        request = urllib.request.Request(f"{server.url}/metrics", headers=BEARER)
        scrapes = []
        for _ in range(8):
            with urllib.request.urlopen(request) as answer:
                scrapes.append(read(answer.read().decode()))

        assert scrapes[0]["attempts_total", "brand-a", "url_verification", "accepted"] == 4
        assert all(samples == scrapes[0] for samples in scrapes)
        assert KEY not in "\n".join(server.lines())


# --- The relay


def test_deliveries_are_counted_with_how_fast_the_backend_is(
    key: str, brand_a: OfficialAccount, brand_b: OfficialAccount
) -> None:
    give_backend(brand_a)
    count_deliveries(brand_a, DeliveryResult.DELIVERED, 90, milliseconds=40)
    count_deliveries(brand_a, DeliveryResult.DELIVERED, 10, milliseconds=2000)
    count_deliveries(brand_a, DeliveryResult.SERVER_ERROR, 2, status=500)
    count_deliveries(brand_a, DeliveryResult.SERVER_ERROR, 3, status=502)
    count_deliveries(brand_a, DeliveryResult.TIMEOUT, 4, hours_ago=2)
    samples = read()

    assert samples["recent_deliveries", "brand-a", "delivered"] == 100
    assert samples["recent_deliveries", "brand-a", "server_error"] == 5
    assert ("recent_deliveries", "brand-a", "timeout") not in samples
    assert 0.04 <= samples["recent_backend_seconds", "brand-a", "0.5"] <= 0.05
    assert 2 <= samples["recent_backend_seconds", "brand-a", "0.95"] <= 2.5
    assert samples["backend_failing", "brand-a"] == 0
    assert ("backend_failing", "brand-b") not in samples


def test_what_waits_is_counted_by_account(
    key: str, brand_a: OfficialAccount, brand_b: OfficialAccount
) -> None:
    give_failing_backend(brand_a)
    keep_waiting(brand_a, 2)
    [oldest] = keep_waiting(brand_a, for_=timedelta(minutes=30))
    make_dead(brand_b)
    samples = read()

    assert samples["backend_failing", "brand-a"] == 1
    assert samples["waiting_messages", "brand-a"] == 3
    received = samples["oldest_waiting_timestamp_seconds", "brand-a"]
    assert received == pytest.approx(oldest.received_at.timestamp())
    assert (samples["waiting_messages", "brand-b"], samples["dead_letters", "brand-b"]) == (0, 1)
