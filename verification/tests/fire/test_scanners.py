"""Runs wapiti and sqlmap against a deployment over https, with an administrator signed in.

Runs in script/fire only, which installs them: conftest.py leaves this file out of script/test.
"""

from __future__ import annotations

import json
import os
import secrets
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.test import Client

from verification.callbacks.group_commit import DEFER_INTERVAL
from verification.models import OfficialAccount
from verification.tests.fire.conftest import RecordFigure
from verification.tests.fire.support.production import running_production, self_signed_certificate
from verification.tests.support.adapter import A
from verification.tests.support.admin_client import call
from verification.tests.support.checkout import Checkout

pytestmark = pytest.mark.postgresql
SCANNERS = Path(os.environ.get("SCANNERS", settings.BASE_DIR / ".venv-scanners")) / "bin"
MEDIUM = 2  # of wapiti's levels: 1 is low, 4 critical
#: Without csrf: wapiti 3.2 sends that module's requests with two content types in one header, which
#: Django refuses with and without a token; test_browser.py checks the tokens instead. Without ssrf,
#: xxe and log4shell: what they look for needs a callback from a server on the internet.
MODULES = (
    "backup,cookieflags,crlf,csp,exec,file,htaccess,http_headers,methods,permanentxss,redirect,"
    "sql,timesql,upload,xss"
)
UNSIGNED = "signature=" + "0" * 40 + "&timestamp=1414587457&nonce=1&echostr=1"
#: The addresses that sqlmap tests, and the parameters to test.
TARGETS = {
    "/wechat/brand-a?" + UNSIGNED: "signature,nonce",
    "/wechat/brand-a*?" + UNSIGNED: "",
    "/admin/verification/verificationattempt/?q=brand&account=1": "q",
    "/admin/verification/changeevent/?q=li.wei": "q",
}


@dataclass(frozen=True)
class Target:
    url: str
    cookies: str


@pytest.fixture
def target(li_wei: User, brand_a: OfficialAccount, tmp_path: Path) -> Iterator[Target]:
    """Run a deployment with an attempt of each outcome, and provide the cookies of li.wei."""
    client = Client()
    client.force_login(li_wei)
    call("/wechat/brand-a", A)
    call("/wechat/brand-a", "WrongTokenOfB5678")
    session, csrf = client.session.session_key, secrets.token_hex(16)
    certificate = self_signed_certificate(tmp_path)
    with running_production(
        tmp_path, certificate, prepare=disable_deferral, TRUSTED_PROXY_COUNT="0"
    ) as server:
        url = f"https://127.0.0.1:{server.port}"
        yield Target(url, f"__Host-sessionid={session}; __Host-csrftoken={csrf}")


def disable_deferral(checkout: Checkout) -> None:
    """Set DEFER_INTERVAL to 0 in the copy: a scanner's ten thousand refusals would all wait."""
    path = checkout.path / "verification" / "callbacks" / "group_commit.py"
    text = path.read_text()
    assert f"DEFER_INTERVAL = {DEFER_INTERVAL}" in text
    path.write_text(text.replace(f"DEFER_INTERVAL = {DEFER_INTERVAL}", "DEFER_INTERVAL = 0.0"))


def scan(program: str, *arguments: str, minutes: int) -> str:
    binary = SCANNERS / program
    assert binary.exists(), f"{binary} is missing: script/fire installs it."
    result = subprocess.run(
        [binary, *arguments], capture_output=True, text=True, timeout=minutes * 60, check=True
    )
    return result.stdout


def exclude_sign_out(target: Target, user: User) -> list[str]:
    """Return options that exclude pages which would sign the scanner out or remove its rights."""
    paths = ["logout/", "password_change/", f"auth/user/{user.pk}/*"]
    return [option for path in paths for option in ("--exclude", f"{target.url}/admin/{path}")]


def wapiti(target: Target, user: User, directory: Path) -> dict[str, Any]:
    report = directory / "report.json"
    scan(
        *("wapiti", "--url", f"{target.url}/", "--start", f"{target.url}/admin/"),
        *("--start", f"{target.url}/wechat/brand-a?{UNSIGNED}"),
        *("--cookie-value", target.cookies, *exclude_sign_out(target, user)),
        *("--depth", "4", "--max-links-per-page", "20", "--max-files-per-dir", "12"),
        *("--max-scan-time", "120", "--max-attack-time", "60", "--tasks", "4"),
        *("--module", MODULES, "--no-bugreport", "--flush-session"),
        *("--store-session", str(directory), "--store-config", str(directory)),
        *("--format", "json", "--output", str(report), "--verbose", "0"),
        minutes=30,
    )
    content: dict[str, Any] = json.loads(report.read_text())
    return content


def test_wapiti_finds_nothing_of_medium_or_above(
    target: Target, li_wei: User, transactional_db: None, tmp_path: Path, figure: RecordFigure
) -> None:
    report = wapiti(target, li_wei, tmp_path)
    found = [
        f"{kind}: {finding['method']} {finding['path']} {finding['info']}"
        for part in ("vulnerabilities", "anomalies")
        for kind, findings in report[part].items()
        for finding in findings
        # "Resource consumption" only means that the machine is busy.
        if finding["level"] >= MEDIUM and kind != "Resource consumption"
    ]
    pages = report["infos"]["crawled_pages_nbr"]

    figure(
        "wapiti finds no vulnerability, with an administrator signed in",
        target="0 findings of medium or above",
        measured=f"{len(found)} on {pages} pages and forms, {MODULES.count(',') + 1} modules",
        is_met=not found and pages >= 50,
    )
    assert found == []
    assert pages >= 50, "wapiti was not signed in"


def sqlmap(target: Target, path: str, parameters: str, directory: Path) -> str:
    chosen = ["-p", parameters] if parameters else []
    return scan(
        *("sqlmap", "--batch", "--flush-session", "--disable-coloring", "--url", target.url + path),
        *("--output-dir", str(directory), "--cookie", target.cookies, "--dbms", "PostgreSQL"),
        *("--level", "5", "--risk", "3", "--technique", "BEUS", "--ignore-code", "400,403,404"),
        *("--threads", "4", *chosen),
        minutes=20,
    )


def test_sqlmap_finds_no_injection(
    target: Target, transactional_db: None, tmp_path: Path, figure: RecordFigure
) -> None:
    outputs = {path: sqlmap(target, path, names, tmp_path) for path, names in TARGETS.items()}
    safe = [path for path, text in outputs.items() if "do not appear to be injectable" in text]

    figure(
        "sqlmap finds no injection, with an administrator signed in",
        target="0 parameters injected at level 5, risk 3, not by time",
        measured=f"{len(outputs) - len(safe)} of {len(outputs)} addresses",
        is_met=len(safe) == len(outputs),
    )
    assert safe == list(TARGETS), outputs
    assert not any("redirect to" in text for text in outputs.values()), "sqlmap was not signed in"
