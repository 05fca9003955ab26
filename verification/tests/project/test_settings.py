from __future__ import annotations

import json
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from verification.tests.support.checkout import KEY, LOCAL, PRODUCTION, Checkout, read_settings

WECOM = "https://qyapi.weixin.qq.com/cgi-bin/webhook/send"
NOT_OF_WECOM = [
    f"{WECOM}?key=hunter2+",
    f"{WECOM}?key=hunter2&debug=1",
    WECOM.replace("https", "http") + "?key=hunter2",
    "https://qyapi.weixin.qq.com.example.cn/cgi-bin/webhook/send?key=hunter2",
    "https://li.wei@qyapi.weixin.qq.com/cgi-bin/webhook/send?key=hunter2",
    "http://127.0.0.1:8000/cgi-bin/webhook/send?key=hunter2",  # allowed in local mode only
    "693a91f6-hunter2",
]
NOT_LIKE_A_MAIL_SERVER = [
    "smtp://li.wei:hunter2@",
    "mail.example.cn:587",
    "https://li.wei:hunter2@mail.example.cn",
    "smtp://li.wei:hunter2@mail.example.cn:port",
    "smtp://li.wei:hunter2@[::1",
    "smtp://li.wei:hunter2#1@mail.example.cn",
    "smtp://li.wei:hunter2@mail.example.cn/inbox",
    "smtp://li.wei:hunter2@mail.example.cn?tls=perhaps",
]
NOT_LIKE_A_DATABASE = [
    "nonsense-hunter2",
    "mysql://gateway:hunter2@127.0.0.1/gateway",
    "oracle://gateway:hunter2@127.0.0.1/gateway",
    "redis://gateway:hunter2@127.0.0.1",
    "https://gateway:hunter2@127.0.0.1/gateway",
    "postgres://gateway:hunter2@127.0.0.1:port/gateway",
    "postgres://gateway:hunter2#1@127.0.0.1:5432/gateway",
    "postgres://gateway:hunter2@[::1/gateway",
    "postgres://gateway:hunter2@127.0.0.1",
    "postgres://gateway:hunter2@127.0.0.1/",
    "postgres:///",
]
NOT_A_HOST_AND_PORT = [
    *("erp", "10.0.0.8", "erp:", ":9000", "erp:0", "erp:65536", "erp:08000"),
    *("erp:８０００", "*:8000", "*.example.cn:8000", ".example.cn:8000", "erp:*"),
    *("http://erp:8000", "erp:8000/wechat", "li.wei@erp:8000", "back end:8000"),
    *("10.0.0.0/8:8000", "10.1:8000", "2130706433:8000", "0x7f.1:8000", "1.2.3.256:8000"),
    *("fd00::1:8000", "[fd00::1]", "[fd00::1%eth0]:9000", "后端:8000", "erp:8000,other"),
]
MALFORMED = [
    ("SECRET_KEY", "hunter2"),
    ("TOKEN_ENCRYPTION_KEYS", "hunter2"),
    ("TOKEN_ENCRYPTION_KEYS", f"{KEY},hunter2"),
    *(("DATABASE_URL", url) for url in NOT_LIKE_A_DATABASE),
    ("ALLOWED_HOSTS", "https://gate.example.com"),
    ("ALLOWED_HOSTS", "wx.example.cn/wechat"),
    ("ALLOWED_HOSTS", "wx.example.cn:443"),
    ("ALLOWED_HOSTS", "wx.example.cn wy.example.cn"),
    ("PUBLIC_URL", "gate.example.com"),
    ("PUBLIC_URL", "ftp://wx.example.cn"),
    ("PUBLIC_URL", "https:/gate.example.com"),
    ("PUBLIC_URL", "https://[::1"),
    ("PUBLIC_URL", "https://wx.example.cn:port"),
    ("PUBLIC_URL", "https://gate.example.com/wechat/brand-a"),
    ("PUBLIC_URL", "https://wx.example.cn?a=hunter2"),
    ("PUBLIC_URL", "https://wx.example.cn#hunter2"),
    ("PUBLIC_URL", "https://li.wei:hunter2@wx.example.cn"),
    ("CSRF_TRUSTED_ORIGINS", "gate.example.com"),
    ("CSRF_TRUSTED_ORIGINS", "https://wx.example.cn,wy.example.cn"),
    ("TRUSTED_PROXY_COUNT", "one"),
    ("TRUSTED_PROXY_COUNT", "-1"),
    ("TRUSTED_PROXY_COUNT", "12"),
    ("TRUSTED_PROXY_COUNT", "00000000099"),
    ("TRUSTED_PROXY_COUNT", "0" * 5000),
    ("METRICS_KEY", "hunter2"),
    *(("RELAY_PRIVATE_HOSTS", pair) for pair in NOT_A_HOST_AND_PORT),
    ("DEBUG", "perhaps"),
    ("WECHAT_GATEWAY_LOCAL", "perhaps"),
    ("ORGANISATION", "hunter2 " * 10),
    ("ORGANISATION", "Retail\nGroup"),
    ("CONTACT", "hunter2"),
    ("CONTACT", "li.wei@"),
    ("CONTACT", "mailto:li.wei@example.cn"),
    ("CONTACT", "http://help.example.cn"),
    ("CONTACT", "javascript:alert(1)"),
    ("CONTACT", "https://li.wei:hunter2@help.example.cn"),
    ("CONTACT", "https://help.example.cn/a b"),
    ("TIME_ZONE", "Mars/Base"),
    ("TIME_ZONE", "../../etc/passwd"),
    ("LANGUAGE_CODE", "fr-ca"),
    *(("ALERT_WECOM_WEBHOOK", url) for url in NOT_OF_WECOM),
    *(("EMAIL_URL", url) for url in NOT_LIKE_A_MAIL_SERVER),
    ("ALERT_EMAIL_TO", "li.wei"),
    ("ALERT_EMAIL_TO", "li.wei@example.cn"),  # without EMAIL_URL
    ("ALERT_REFUSALS", "plenty"),
    ("ALERT_REFUSALS", "0/10"),
    ("ALERT_REFUSALS", "５/10"),
    ("ALERT_EVERY", "7"),
    ("ALERT_MESSAGES_PER_HOUR", "21"),
    ("ALERT_LANGUAGE", "fr"),
    ("LOG_LEVEL", "loud"),
    ("PORT", "00000"),
    ("PORT", "70000"),
    ("PORT", "８０００"),
    ("BIND", "127.0.0.1:8000"),
    ("BIND", "unix:/run/gateway.sock"),
    ("BIND", "127.0.0.1/8"),
    ("BIND", "999.9.9.9"),
    ("BIND", "wx..bad"),
    ("PUBLIC_URL", "https://[1.2.3.4]"),
    ("PUBLIC_URL", "https://[::::]"),
    ("PUBLIC_URL", "https://wx.example.cn:99999"),
    ("ALLOWED_HOSTS", "[::::]"),
    ("CSRF_TRUSTED_ORIGINS", "https://[::::]"),
    ("HSTS_SECONDS", "forever"),
    ("HSTS_SECONDS", "63072001"),
    ("HSTS_INCLUDE_SUBDOMAINS", "perhaps"),
    ("HSTS_PRELOAD", "perhaps"),
    ("HSTS_PRELOAD", "1"),  # without the other two
    ("WEB_CONCURRENCY", "many"),
    ("WEB_CONCURRENCY", "00"),
]


@pytest.mark.parametrize(
    ("name", "value"), MALFORMED, ids=[f"{name}={value[:24]}" for name, value in MALFORMED]
)
def test_a_malformed_variable_is_named_and_its_value_is_not(name: str, value: str) -> None:
    with pytest.raises(ImproperlyConfigured) as refusal:
        read_settings(**{**PRODUCTION, name: value})
    message = str(refusal.value)

    for sentence in message.splitlines():
        assert sentence.startswith(f"{name} must ")
        assert sentence.endswith(".")
    assert value not in message or len(value) < 3
    assert "hunter2" not in message
    assert refusal.value.__cause__ is None  # a cause would show the value in a traceback


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SECRET_KEY", KEY[:50]),
        ("TOKEN_ENCRYPTION_KEYS", f" {KEY[:32]} , {KEY}, "),
        ("DATABASE_URL", "postgresql://gateway:hunter%232@db.example.cn/gateway"),
        ("DATABASE_URL", "postgres:///gateway"),
        ("DATABASE_URL", "sqlite:///gateway.sqlite3"),
        ("ALLOWED_HOSTS", ".herokuapp.com, wx.example.cn, 10.0.0.1, [::1], web_1, *"),
        ("PUBLIC_URL", "https://wx.example.cn/"),
        ("PUBLIC_URL", "http://127.0.0.1:8000"),
        ("CSRF_TRUSTED_ORIGINS", "https://wx.example.cn:8443,https://*.example.cn"),
        ("LANGUAGE_CODE", "zh-hans"),
        ("ALERT_LANGUAGE", "zh-hans"),
        ("ALERT_WECOM_WEBHOOK", f"{WECOM}?key=693a91f6-7c1d-4bc4-97a0-0ec2sifa5aaa"),
        ("ALERT_REFUSALS", "3/60"),
        ("ORGANISATION", "华东零售集团 (Retail & Co.)"),
        ("CONTACT", "wechat@example.cn"),
        ("CONTACT", "https://help.example.cn/wechat?team=2"),
        ("TIME_ZONE", "UTC"),
        ("WEB_CONCURRENCY", " 2 "),
        ("PORT", "65535"),
        ("BIND", "127.0.0.1"),
        ("BIND", "[::]"),
        ("HSTS_SECONDS", "0"),
        ("HSTS_INCLUDE_SUBDOMAINS", "1"),
    ],
)
def test_a_well_formed_variable_is_accepted(name: str, value: str) -> None:
    read_settings(**{**PRODUCTION, name: value})


# --- Production


def test_production_is_safe_by_default() -> None:
    settings = read_settings(**PRODUCTION)

    assert (settings["DEBUG"], settings["LOCAL"]) == (False, False)
    assert settings["ALLOWED_HOSTS"] == ["wx.example.cn"]
    assert settings["SESSION_COOKIE_SECURE"]
    assert settings["CSRF_COOKIE_SECURE"]
    assert settings["SECURE_SSL_REDIRECT"]
    assert settings["SECURE_HSTS_SECONDS"] == 3600
    assert not settings["SECURE_HSTS_INCLUDE_SUBDOMAINS"]
    assert not settings["SECURE_HSTS_PRELOAD"]
    assert settings["TRUSTED_PROXY_COUNT"] == 0
    assert "SECURE_PROXY_SSL_HEADER" not in settings  # without a proxy, any client could send it


def test_only_the_switch_turns_local_mode_on() -> None:
    assert read_settings()["LOCAL"] is False
    assert read_settings(**{**PRODUCTION, "DEBUG": "1"})["SESSION_COOKIE_SECURE"] is True
    assert read_settings(**{**PRODUCTION, "WECHAT_GATEWAY_LOCAL": "0"})["LOCAL"] is False


@pytest.mark.parametrize(
    ("variables", "expected"),
    [({}, 0), ({"DYNO": "web.1"}, 1), ({"DYNO": "web.1", "TRUSTED_PROXY_COUNT": "2"}, 2)],
)
def test_a_dyno_is_behind_one_proxy_by_default(variables: dict[str, str], expected: int) -> None:
    settings = read_settings(**PRODUCTION, **variables)

    assert settings["TRUSTED_PROXY_COUNT"] == expected
    assert ("SECURE_PROXY_SSL_HEADER" in settings) is (expected > 0)


@pytest.mark.parametrize(
    "url", ["https://gate.example.com", "https://gate.example.com:8443", "http://gate.example.com/"]
)
def test_the_public_url_is_an_allowed_host_and_a_trusted_origin(url: str) -> None:
    settings = read_settings(**PRODUCTION, PUBLIC_URL=url)

    assert settings["ALLOWED_HOSTS"] == ["wx.example.cn", "gate.example.com"]
    assert settings["PUBLIC_URL"] == url.rstrip("/")
    assert settings["CSRF_TRUSTED_ORIGINS"] == [url.rstrip("/")]


def test_the_hosts_of_private_backends_are_spelled_in_one_way() -> None:
    hosts = "backend:8000, Node.Example.CN:443,10.0.0.7:1,[FD00:0::1]:65535"
    settings = read_settings(**PRODUCTION, RELAY_PRIVATE_HOSTS=hosts)

    assert settings["RELAY_PRIVATE_HOSTS"] == {
        *("backend:8000", "node.example.cn:443", "10.0.0.7:1", "[fd00::1]:65535")
    }
    assert read_settings(**PRODUCTION)["RELAY_PRIVATE_HOSTS"] == set()


@pytest.mark.parametrize(
    ("variables", "query", "expected"),
    [
        ({}, "", None),
        ({"DYNO": "web.1"}, "", "require"),
        ({"DYNO": "web.1"}, "?sslmode=verify-full", "verify-full"),
        ({}, "?sslmode=require", "require"),
    ],
)
def test_on_heroku_the_database_connection_uses_tls(
    variables: dict[str, str], query: str, expected: str | None
) -> None:
    url = PRODUCTION["DATABASE_URL"] + query
    settings = read_settings(**{**PRODUCTION, **variables, "DATABASE_URL": url})

    assert settings["DATABASES"]["default"]["OPTIONS"].get("sslmode") == expected


def test_a_password_may_contain_any_percent_encoded_character() -> None:
    url = "postgres://li%40wei:a%2Fb%23c%3A%25@db.example.cn:6432/gateway"
    database = read_settings(**{**PRODUCTION, "DATABASE_URL": url})["DATABASES"]["default"]

    assert (database["USER"], database["PASSWORD"]) == ("li@wei", "a/b#c:%")
    assert (database["HOST"], database["PORT"]) == ("db.example.cn", 6432)


def test_an_empty_variable_counts_as_not_set() -> None:
    optional = ("PUBLIC_URL", "CSRF_TRUSTED_ORIGINS", "TIME_ZONE", "LOG_LEVEL", "PORT", "DEBUG")
    settings = read_settings(**PRODUCTION, **dict.fromkeys(optional, ""))

    assert settings["ALLOWED_HOSTS"] == ["wx.example.cn"]
    assert (settings["TIME_ZONE"], settings["LOG_LEVEL"]) == ("Asia/Shanghai", "INFO")


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    return Checkout(tmp_path_factory.mktemp("checkout"))


@pytest.mark.parametrize(
    "extra",
    [{"TRUSTED_PROXY_COUNT": "1"}, {"DYNO": "web.1", "PUBLIC_URL": "https://wx.example.cn"}],
)
def test_the_deployment_check_reports_no_issues(checkout: Checkout, extra: dict[str, str]) -> None:
    collected = checkout.manage("collectstatic", "--noinput")
    assert (collected.returncode, collected.stderr) == (0, "")
    result = checkout.manage("check", "--deploy", "--fail-level", "WARNING", **PRODUCTION, **extra)

    assert result.stdout == "System check identified no issues (2 silenced).\n"
    assert (result.returncode, result.stderr) == (0, "")


def test_the_deployment_check_names_what_is_missing(tmp_path: Path) -> None:
    result = Checkout(tmp_path).manage("check", "--deploy", "--database", "default", **PRODUCTION)

    assert result.returncode == 1
    for sentence in (
        "(verification.E001) The database cannot be reached.",
        "(verification.W001) TRUSTED_PROXY_COUNT is 0, so behind an https proxy no page opens.",
        "(verification.I001) The static files are not collected",
    ):
        assert sentence in result.stderr


# --- Build


def test_settings_can_be_imported_without_any_variable() -> None:
    settings = read_settings()

    assert settings["DATABASES"] == {}
    assert settings["ALLOWED_HOSTS"] == []
    assert settings["SECRET_KEY"] == ""


def test_static_files_are_collected_without_any_variable(checkout: Checkout) -> None:
    result = checkout.manage("collectstatic", "--noinput")

    assert (result.returncode, result.stderr) == (0, "")
    manifest = json.loads((checkout.path / "staticfiles" / "staticfiles.json").read_text())
    assert {"admin/css/base.css", "verification/site.css"} <= manifest["paths"].keys()
    assert (checkout.path / "staticfiles" / manifest["paths"]["verification/site.css"]).is_file()


# --- Local


def test_a_local_copy_needs_no_database_and_no_host() -> None:
    settings = read_settings(**LOCAL)

    assert settings["DATABASES"]["default"]["ENGINE"] == "django.db.backends.sqlite3"
    assert settings["ALLOWED_HOSTS"] == ["localhost", "127.0.0.1", "[::1]"]
    assert settings["SECURE_SSL_REDIRECT"] is False
    assert settings["DEBUG"] is False


@pytest.mark.parametrize(
    ("variables", "bound"),
    [
        (LOCAL, "127.0.0.1:8000"),
        ({**LOCAL, "PORT": "9000"}, "127.0.0.1:9000"),
        (PRODUCTION, "0.0.0.0:8000"),
        ({**PRODUCTION, "BIND": "[::1]"}, "[::1]:8000"),
        ({**PRODUCTION, "PORT": "9000"}, "0.0.0.0:9000"),
    ],
)
def test_only_production_listens_on_all_interfaces(
    checkout: Checkout, variables: dict[str, str], bound: str
) -> None:
    program = "from wechat_gateway import gunicorn_conf; print(gunicorn_conf.bind)"

    assert checkout.python("-c", program, **variables).stdout.strip() == bound


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"ALLOWED_HOSTS": "wx.example.cn"}, "WECHAT_GATEWAY_LOCAL must not be 1 on a server"),
        ({"ALLOWED_HOSTS": "*"}, "WECHAT_GATEWAY_LOCAL must not be 1 on a server"),
        ({"DYNO": "web.1"}, "WECHAT_GATEWAY_LOCAL must not be 1 on a server"),
        ({"BIND": "0.0.0.0"}, "BIND must be a loopback address"),
    ],
)
def test_local_mode_is_refused_where_others_can_call(
    variables: dict[str, str], expected: str
) -> None:
    with pytest.raises(ImproperlyConfigured, match=f"^{expected}"):
        read_settings(**LOCAL, **variables)


def test_a_tunnel_to_a_local_copy_is_allowed() -> None:
    tunnel = {"PUBLIC_URL": "https://wx.example.cn", "TRUSTED_PROXY_COUNT": "1"}

    assert "wx.example.cn" in read_settings(**LOCAL, **tunnel)["ALLOWED_HOSTS"]


def test_sqlite_waits_for_locks_and_survives_a_crash() -> None:
    options = read_settings(**LOCAL)["DATABASES"]["default"]["OPTIONS"]

    assert options["transaction_mode"] == "IMMEDIATE"
    assert "journal_mode=WAL" in options["init_command"]
    assert options["timeout"] < 2.5  # the deadline of an answer


# --- Alerts


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp://gateway%40example.cn:hunter%232@mail.example.cn", (587, True, False)),
        ("smtp://gateway%40example.cn:hunter%232@mail.example.cn:25?tls=0", (25, False, False)),
        ("smtps://gateway%40example.cn:hunter%232@mail.example.cn", (465, False, True)),
    ],
)
def test_mail_is_sent_as_email_url_says(url: str, expected: tuple[int, bool, bool]) -> None:
    mail = {"EMAIL_URL": url, "ALERT_EMAIL_TO": "li.wei@example.cn, wang.fang@example.cn"}
    settings = read_settings(**PRODUCTION, **mail)

    server = settings["ALERT_EMAIL_SERVER"]
    assert tuple(server[name] for name in ("port", "use_tls", "use_ssl")) == expected
    assert (server["host"], server["password"]) == ("mail.example.cn", "hunter#2")
    assert settings["ALERT_EMAIL_FROM"] == "gateway@example.cn"
    assert settings["ALERT_EMAIL_TO"] == ["li.wei@example.cn", "wang.fang@example.cn"]


def test_mail_needs_a_sender() -> None:
    mail = {"EMAIL_URL": "smtp://apikey:hunter2@mail.example.cn"}
    with pytest.raises(ImproperlyConfigured, match=r"^ALERT_EMAIL_FROM must be set to an e-mail"):
        read_settings(**PRODUCTION, **mail)

    settings = read_settings(**PRODUCTION, **mail, ALERT_EMAIL_FROM="gateway@example.cn")
    assert settings["ALERT_EMAIL_FROM"] == "gateway@example.cn"


def test_local_mode_allows_a_robot_on_this_machine() -> None:
    url = "http://127.0.0.1:8000/cgi-bin/webhook/send?key=hunter2"

    assert read_settings(**LOCAL, ALERT_WECOM_WEBHOOK=url)["ALERT_WECOM_SECRET_URL"] == url
