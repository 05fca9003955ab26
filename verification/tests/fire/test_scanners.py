"""wapiti and sqlmap against a deployment over https, with its administrator signed in.

Only in script/fire, which installs them: conftest.py leaves this file out of script/test.
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
from verification.tests.fire.conftest import KeepFigure
from verification.tests.fire.support.production import running_production, self_signed_certificate
from verification.tests.support.adapter import A
from verification.tests.support.admin_client import call
from verification.tests.support.checkout import Checkout

pytestmark = pytest.mark.postgresql
SCANNERS = Path(os.environ.get("SCANNERS", settings.BASE_DIR / ".venv-scanners")) / "bin"
MEDIUM = 2  # of wapiti's levels: 1 is low, 4 critical
#: Not csrf: wapiti 3.2 sends that module's requests with two content types in one header, which
#: Django refuses with and without a token; test_browser.py asks for tokens itself. Not ssrf,
#: xxe and log4shell: what they look for would have to call a server on the internet.
MODULES = (
    "backup,cookieflags,crlf,csp,exec,file,htaccess,http_headers,methods,permanentxss,redirect,"
    "sql,timesql,upload,xss"
)
UNSIGNED = "signature=" + "0" * 40 + "&timestamp=1414587457&nonce=1&echostr=1"
#: What sqlmap tries, and the parameters that it tries.
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
    """A deployment with an attempt of each outcome, and the cookies of li.wei at work."""
    client = Client()
    client.force_login(li_wei)
    call("/wechat/brand-a", A)
    call("/wechat/brand-a", "WrongTokenOfB5678")
    session, csrf = client.session.session_key, secrets.token_hex(16)
    certificate = self_signed_certificate(tmp_path)
    with running_production(
        tmp_path, certificate, prepare=without_ticks, TRUSTED_PROXY_COUNT="0"
    ) as server:
        url = f"https://127.0.0.1:{server.port}"
        yield Target(url, f"__Host-sessionid={session}; __Host-csrftoken={csrf}")


def without_ticks(checkout: Checkout) -> None:
    """A scanner's ten thousand refusals would each wait for one, and find nothing else for it."""
    held = checkout.path / "verification" / "callbacks" / "group_commit.py"
    text = held.read_text()
    assert f"DEFER_INTERVAL = {DEFER_INTERVAL}" in text
    held.write_text(text.replace(f"DEFER_INTERVAL = {DEFER_INTERVAL}", "DEFER_INTERVAL = 0.0"))


def scan(program: str, *arguments: str, minutes: int) -> str:
    binary = SCANNERS / program
    assert binary.exists(), f"{binary} is missing: script/fire installs it."
    result = subprocess.run(
        [binary, *arguments], capture_output=True, text=True, timeout=minutes * 60, check=True
    )
    return result.stdout


def what_ends_the_visit(target: Target, user: User) -> list[str]:
    """Addresses that would sign the scanner out or take its rights away."""
    paths = ["logout/", "password_change/", f"auth/user/{user.pk}/*"]
    return [option for path in paths for option in ("--exclude", f"{target.url}/admin/{path}")]


def wapiti(target: Target, user: User, place: Path) -> dict[str, Any]:
    report = place / "report.json"
    scan(
        *("wapiti", "--url", f"{target.url}/", "--start", f"{target.url}/admin/"),
        *("--start", f"{target.url}/wechat/brand-a?{UNSIGNED}"),
        *("--cookie-value", target.cookies, *what_ends_the_visit(target, user)),
        *("--depth", "4", "--max-links-per-page", "20", "--max-files-per-dir", "12"),
        *("--max-scan-time", "120", "--max-attack-time", "60", "--tasks", "4"),
        *("--module", MODULES, "--no-bugreport", "--flush-session"),
        *("--store-session", str(place), "--store-config", str(place)),
        *("--format", "json", "--output", str(report), "--verbose", "0"),
        minutes=30,
    )
    found: dict[str, Any] = json.loads(report.read_text())
    return found


def test_wapiti_finds_nothing_of_medium_or_above(
    target: Target, li_wei: User, transactional_db: None, tmp_path: Path, figure: KeepFigure
) -> None:
    report = wapiti(target, li_wei, tmp_path)
    found = [
        f"{kind}: {finding['method']} {finding['path']} {finding['info']}"
        for part in ("vulnerabilities", "anomalies")
        for kind, findings in report[part].items()
        for finding in findings
        if finding["level"] >= MEDIUM and kind != "Resource consumption"  # a busy machine
    ]
    pages = report["infos"]["crawled_pages_nbr"]

    figure(
        "wapiti finds no way in, with an administrator signed in",
        target="0 findings of medium or above",
        measured=f"{len(found)} on {pages} pages and forms, {MODULES.count(',') + 1} modules",
        is_met=not found and pages >= 50,
    )
    assert found == []
    assert pages >= 50, "it did not get in"


def sqlmap(target: Target, path: str, parameters: str, place: Path) -> str:
    chosen = ["-p", parameters] if parameters else []
    return scan(
        *("sqlmap", "--batch", "--flush-session", "--disable-coloring", "--url", target.url + path),
        *("--output-dir", str(place), "--cookie", target.cookies, "--dbms", "PostgreSQL"),
        *("--level", "5", "--risk", "3", "--technique", "BEUS", "--ignore-code", "400,403,404"),
        *("--threads", "4", *chosen),
        minutes=20,
    )


def test_sqlmap_injects_nothing(
    target: Target, transactional_db: None, tmp_path: Path, figure: KeepFigure
) -> None:
    said = {path: sqlmap(target, path, names, tmp_path) for path, names in TARGETS.items()}
    held = [path for path, text in said.items() if "do not appear to be injectable" in text]

    figure(
        "sqlmap finds no way in, with an administrator signed in",
        target="0 parameters injected at level 5, risk 3, not by time",
        measured=f"{len(said) - len(held)} of {len(said)} addresses",
        is_met=len(held) == len(said),
    )
    assert held == list(TARGETS), said
    assert not any("redirect to" in text for text in said.values()), "it did not get in"
