"""The project's settings in the local situation, with secrets that are none."""

from __future__ import annotations

import os
from pathlib import Path

os.environ["WECHAT_GATEWAY_LOCAL"] = "1"
os.environ["SECRET_KEY"] = "only-for-tests-" * 4
os.environ["TOKEN_ENCRYPTION_KEYS"] = "only-for-tests-" * 4
for name in (
    *("PUBLIC_URL", "ALLOWED_HOSTS", "TRUSTED_PROXY_COUNT", "LANGUAGE_CODE", "TIME_ZONE"),
    *("ORGANISATION", "CONTACT"),
):
    os.environ.pop(name, None)
for name in [name for name in os.environ if name.startswith(("ALERT_", "EMAIL_"))]:
    del os.environ[name]

from wechat_gateway.settings import *  # noqa: E402, F403
from wechat_gateway.settings import ALLOWED_HOSTS, DATABASES  # noqa: E402

ALLOWED_HOSTS.append("testserver")
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
# Each test client would look at every static file first.
WHITENOISE_AUTOREFRESH = True
# A file, not memory: the tests that start gunicorn share it with that process.
if DATABASES["default"]["ENGINE"].endswith("sqlite3"):
    DATABASES["default"]["TEST"] = {"NAME": Path(f"/tmp/wechat_gateway_test_{os.getpid()}.sqlite3")}
