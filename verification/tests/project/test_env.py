from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from verification.tests.support.checkout import (
    KEY,
    LOCAL,
    PRODUCTION,
    Checkout,
    Result,
    assert_one_sentence,
)
from verification.tests.support.gunicorn import COMMAND, free_port
from wechat_gateway import env

CANNOT_START = 3  # makes gunicorn stop instead of starting the worker again
SECRETS = [KEY, "hunter2"]


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Checkout:
    return Checkout(tmp_path_factory.mktemp("checkout"))


def refusal(result: Result) -> str:
    """Return the sentence after "cannot start"; assert that it holds no secret."""
    message = assert_one_sentence(result, code=CANNOT_START)
    assert message.startswith("wechat_gateway cannot start: ")
    assert not [secret for secret in SECRETS if secret in message]
    return message.removeprefix("wechat_gateway cannot start: ")


def without(name: str, empty: str | None = None) -> dict[str, str]:
    rest = {other: value for other, value in PRODUCTION.items() if other != name}
    return rest if empty is None else {**rest, name: empty}


# --- Missing


@pytest.mark.parametrize("empty", [None, "", " ", ",", " , "])
@pytest.mark.parametrize("name", sorted(PRODUCTION))
def test_a_command_names_the_variable_that_is_missing(
    checkout: Checkout, name: str, empty: str | None
) -> None:
    message = refusal(checkout.manage("check", **without(name, empty)))

    assert message.startswith(f"{name} is not set: set it to ")


def problems(result: Result) -> list[str]:
    """Return the lines of a refusal that has several; assert that they hold no secret."""
    assert (result.returncode, result.stdout) == (CANNOT_START, ""), result
    first, *lines = result.stderr.splitlines()
    assert first == "wechat_gateway cannot start:"
    assert all(re.fullmatch(r"- .+\.", line) for line in lines), lines
    assert not [secret for secret in SECRETS if secret in result.stderr]
    return [line.removeprefix("- ") for line in lines]


def test_a_command_names_everything_that_is_wrong_at_once(checkout: Checkout) -> None:
    malformed = {"PORT": "eighty", "EMAIL_URL": "hunter2", "ALERT_REFUSALS": "many"}
    named = [line.split()[0] for line in problems(checkout.manage("check", **malformed))]

    assert named == [*PRODUCTION, "To", "PORT", "ALERT_REFUSALS", "EMAIL_URL"]


def test_the_sentences_follow_the_language_of_the_environment(checkout: Checkout) -> None:
    result = checkout.manage("check", LANGUAGE_CODE="zh-hans", PORT="eighty")
    first, *lines = result.stderr.splitlines()

    assert first == "wechat_gateway 无法启动："
    assert len(lines) == 6
    assert all(re.search("[一-鿿]", line) for line in lines), lines


@pytest.mark.parametrize("name", ["SECRET_KEY", "DATABASE_URL"])
@pytest.mark.parametrize("entry", ["wechat_gateway.asgi", "wechat_gateway.wsgi"])
def test_a_server_names_the_variable_that_is_missing(
    checkout: Checkout, entry: str, name: str
) -> None:
    message = refusal(checkout.python("-c", f"import {entry}", **without(name)))

    assert message.startswith(f"{name} is not set: ")


@pytest.mark.parametrize("name", ["SECRET_KEY", "TOKEN_ENCRYPTION_KEYS"])
def test_a_local_copy_needs_secrets_too(checkout: Checkout, name: str) -> None:
    variables = {other: value for other, value in LOCAL.items() if other != name}

    assert refusal(checkout.manage("check", **variables)).startswith(f"{name} is not set: ")


# --- Malformed


@pytest.mark.parametrize(
    ("entry", "name", "value"),
    [
        ("manage.py", "DATABASE_URL", "mysql://gateway:hunter2@127.0.0.1/gateway"),
        ("manage.py", "TOKEN_ENCRYPTION_KEYS", "hunter2"),
        ("manage.py", "TRUSTED_PROXY_COUNT", "many"),
        ("wechat_gateway/asgi.py", "DATABASE_URL", "postgres://gateway:hunter2#1@127.0.0.1/g"),
        ("wechat_gateway/wsgi.py", "PUBLIC_URL", "https://[::1"),
    ],
)
def test_a_malformed_variable_is_named_and_its_value_is_not(
    checkout: Checkout, entry: str, name: str, value: str
) -> None:
    start = ["-m", entry.removesuffix(".py").replace("/", "."), "check"]
    message = refusal(checkout.python(*start, **{**PRODUCTION, name: value}))

    assert message.startswith(f"{name} must ")
    assert value not in message


def test_a_traceback_shows_no_password_either(checkout: Checkout) -> None:
    url = "postgres://gateway:hunter2#1@127.0.0.1:5432/gateway"
    result = checkout.python(
        "-c", "import wechat_gateway.settings", **{**PRODUCTION, "DATABASE_URL": url}
    )

    assert "DATABASE_URL must " in result.stderr
    assert "hunter2" not in result.stderr


# --- gunicorn stops


def gunicorn(checkout: Checkout, **variables: str) -> Result:
    """Start gunicorn as the Procfile does, and wait until it stops by itself."""
    port = {"PORT": str(free_port()), "WEB_CONCURRENCY": "1"}
    return checkout.python("-m", "gunicorn", *COMMAND, **{**port, **variables})


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        (without("SECRET_KEY"), "SECRET_KEY is not set: "),
        ({**PRODUCTION, "DATABASE_URL": "mysql://a:hunter2@b/c"}, "DATABASE_URL must "),
        ({**PRODUCTION, "PORT": "eighty"}, "PORT must "),
    ],
)
def test_gunicorn_prints_the_sentence_and_stops(
    checkout: Checkout, variables: dict[str, str], sentence: str
) -> None:
    result = gunicorn(checkout, **variables)
    messages = [line for line in result.stderr.splitlines() if "cannot start" in line]

    assert result.returncode == CANNOT_START
    assert len(messages) == 1
    assert messages[0].startswith(f"wechat_gateway cannot start: {sentence}")
    assert "Traceback" not in result.stderr
    assert not [secret for secret in SECRETS if secret in result.stderr]


# --- .env


def write_env(path: Path, text: str) -> Path:
    file = path / ".env"
    file.write_text(text)
    return file


@pytest.mark.process
def test_a_command_reads_the_env_file_and_the_environment_takes_precedence(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path)
    lines = [f"{name}={value}" for name, value in PRODUCTION.items()]
    write_env(tmp_path, "\n".join(["# made by script/server", "", *lines, "TIME_ZONE=UTC"]))

    assert "TIME_ZONE = 'UTC'" in checkout.manage("diffsettings").stdout
    overridden = checkout.manage("diffsettings", TIME_ZONE="Asia/Tokyo")
    assert "TIME_ZONE = 'Asia/Tokyo'" in overridden.stdout


@pytest.mark.process
@pytest.mark.parametrize("entry", ["wechat_gateway.asgi", "wechat_gateway.wsgi"])
def test_a_server_reads_the_env_file_too(tmp_path: Path, entry: str) -> None:
    write_env(tmp_path, f"SECRET_KEY={KEY}\n")
    checkout = Checkout(tmp_path)
    named = [line.split()[0] for line in problems(checkout.python("-c", f"import {entry}"))]

    assert named == ["TOKEN_ENCRYPTION_KEYS", "DATABASE_URL", "ALLOWED_HOSTS"]


@pytest.fixture
def _clean_environment() -> object:
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.mark.usefixtures("_clean_environment")
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("LOG_LEVEL=DEBUG", "DEBUG"),
        ("  LOG_LEVEL = DEBUG  ", "DEBUG"),
        ("LOG_LEVEL=a=b", "a=b"),
        ('LOG_LEVEL="DEBUG"', "DEBUG"),
        ("LOG_LEVEL='DEBUG'", "DEBUG"),
        ("export LOG_LEVEL=DEBUG", "DEBUG"),
        ("\ufeffLOG_LEVEL=DEBUG", "DEBUG"),
        ("LOG_LEVEL=DEBUG\r", "DEBUG"),
        ("LOG_LEVEL=DEBUG # while we look for it", "DEBUG"),
        ("LOG_LEVEL='DEBUG # 1' # while we look for it", "DEBUG # 1"),
        ("LOG_LEVEL=DEBUG#1", "DEBUG#1"),
        ("LOG_LEVEL= # INFO", None),
        ("export\tLOG_LEVEL=DEBUG", "DEBUG"),
        ("LOG_LEVEL=DEB\u2028UG", "DEB\u2028UG"),
        ("# LOG_LEVEL=DEBUG", None),
        ("", None),
    ],
)
def test_a_line_of_the_env_file_is_parsed(tmp_path: Path, line: str, expected: str | None) -> None:
    os.environ.pop("LOG_LEVEL", None)
    env.load(write_env(tmp_path, f"{line}\n"))

    assert os.environ.get("LOG_LEVEL", "") == (expected or "")


@pytest.mark.process
@pytest.mark.parametrize(
    "content",
    [b"\xff\xfe", b"NOTE=a\0b\n", b"=nameless\n", b"DEBUG on\n", b"NOTE='unclosed\n"],
)
def test_an_invalid_env_file_is_reported_in_a_sentence(tmp_path: Path, content: bytes) -> None:
    checkout = Checkout(tmp_path)
    (tmp_path / ".env").write_bytes(content)

    assert refusal(checkout.manage("check", **PRODUCTION)) in {
        ".env must be a file in UTF-8 that this user can read.",
        ".env, line 1, must look like NAME=value.",
    }


@pytest.mark.usefixtures("_clean_environment")
def test_the_last_of_two_lines_for_a_variable_counts(tmp_path: Path) -> None:
    os.environ.pop("LOG_LEVEL", None)
    env.load(write_env(tmp_path, "LOG_LEVEL=ERROR\nLOG_LEVEL=DEBUG\n"))

    assert os.environ["LOG_LEVEL"] == "DEBUG"


@pytest.mark.usefixtures("_clean_environment")
def test_an_empty_variable_does_not_hide_a_line_of_the_env_file(tmp_path: Path) -> None:
    os.environ["LOG_LEVEL"] = " "
    env.load(write_env(tmp_path, "LOG_LEVEL=DEBUG\n"))

    assert os.environ["LOG_LEVEL"] == "DEBUG"


# --- Secrets in files


@pytest.mark.process
def test_a_secret_may_be_in_a_file(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path)
    variables = {}
    for name, value in PRODUCTION.items():
        variables[f"{name}_FILE"] = str(tmp_path / name)
        (tmp_path / name).write_text(f"{value}\n")
    hosts = variables.pop("ALLOWED_HOSTS_FILE")

    assert refusal(checkout.manage("check", **variables)).startswith("ALLOWED_HOSTS is not set: ")
    variables["ALLOWED_HOSTS"] = Path(hosts).read_text()
    assert checkout.manage("check", **variables).returncode == 0


@pytest.mark.process
@pytest.mark.parametrize(
    ("content", "also", "expected"),
    [
        (None, "", "SECRET_KEY_FILE must name a file that this process can read"),
        (b"", "", "SECRET_KEY_FILE must name a file that this process can read"),
        (b"\xff\xfe", "", "SECRET_KEY_FILE must name a file that this process can read"),
        (f"{KEY}\n{KEY}\n".encode(), "", "SECRET_KEY_FILE must name a file that this process"),
        (b"k" * 65537, "", "SECRET_KEY_FILE must name a file that this process can read"),
        (KEY.encode(), KEY, "SECRET_KEY and SECRET_KEY_FILE must not both be set."),
        (b"hunter2", "", "SECRET_KEY must have 50 or more characters."),
    ],
)
def test_a_useless_secret_file_is_reported(
    tmp_path: Path, content: bytes | None, also: str, expected: str
) -> None:
    checkout = Checkout(tmp_path)
    path = tmp_path / "secret"
    if content is not None:
        path.write_bytes(content)
    variables = {**PRODUCTION, "SECRET_KEY": also, "SECRET_KEY_FILE": str(path)}
    result = checkout.manage("check", **variables)

    assert result.returncode == CANNOT_START
    assert refusal(result).startswith(expected)


@pytest.mark.usefixtures("_clean_environment")
def test_the_environment_overrides_the_env_file_in_either_form(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("from the file")
    os.environ["SECRET_KEY"] = "from the environment"
    os.environ.pop("DATABASE_URL", None)
    os.environ["DATABASE_URL_FILE"] = str(secret)
    env.load(write_env(tmp_path, f"SECRET_KEY_FILE={secret}\nDATABASE_URL=sqlite:///x"))

    assert os.environ["SECRET_KEY"] == "from the environment"
    assert os.environ["DATABASE_URL"] == "from the file"
    env.raise_problems()


@pytest.mark.usefixtures("_clean_environment")
@pytest.mark.parametrize(
    "lines", ["SECRET_KEY=a\nSECRET_KEY_FILE=/b", "SECRET_KEY_FILE=/b\nSECRET_KEY=a"]
)
def test_both_forms_of_a_secret_in_the_env_file_are_reported(tmp_path: Path, lines: str) -> None:
    os.environ.pop("SECRET_KEY", None)
    env.load(write_env(tmp_path, f"{lines}\n"))

    with pytest.raises(ImproperlyConfigured, match="SECRET_KEY_FILE must not both be set"):
        env.raise_problems()


@pytest.mark.usefixtures("_clean_environment")
def test_a_byte_order_mark_is_no_part_of_a_secret(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text(f"\ufeff{KEY}\r\n")
    os.environ.pop("SECRET_KEY", None)
    os.environ["SECRET_KEY_FILE"] = str(secret)
    env.load(tmp_path / ".env")

    assert os.environ["SECRET_KEY"] == KEY


@pytest.mark.process
@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_an_env_file_that_this_user_cannot_read_is_reported(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path)
    (tmp_path / ".env").write_text("DEBUG=0\n")
    (tmp_path / ".env").chmod(0)

    assert refusal(checkout.manage("check", **PRODUCTION)).startswith(
        ".env must be a file in UTF-8"
    )


def test_the_env_file_is_optional(tmp_path: Path) -> None:
    env.load(tmp_path / ".env")


# --- Values


@pytest.mark.parametrize("value", ["1", "true", "YES", " on "])
def test_a_flag_is_on(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("DEBUG", value)

    assert env.flag("DEBUG") is True


@pytest.mark.parametrize("value", ["0", "False", "no", "off", "", " "])
def test_a_flag_is_off(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("DEBUG", value)

    assert env.flag("DEBUG") is False


@pytest.mark.parametrize("value", ["", "１", "²", "1_0", "+1", "1.0", "0x1", "1e1", "9" * 5000])
def test_only_plain_digits_are_a_number(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("PORT", value)

    if value == "":
        assert env.integer("PORT", 8000, lowest=1, highest=65535) == 8000
        return
    env.integer("PORT", 8000, lowest=1, highest=65535)
    with pytest.raises(ImproperlyConfigured, match="PORT must be a whole number from 1 to 65535"):
        env.raise_problems()


def test_parts_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALLOWED_HOSTS", " a.example.cn ,, b.example.cn,")

    assert env.comma_separated("ALLOWED_HOSTS") == ["a.example.cn", "b.example.cn"]


@pytest.mark.process
def test_a_command_without_settings_needs_no_variable(tmp_path: Path) -> None:
    checkout = Checkout(tmp_path)
    for arguments in (["version"], ["check", "--help"]):
        assert checkout.manage(*arguments).returncode == 0, arguments
    assert checkout.manage("check").returncode == CANNOT_START
