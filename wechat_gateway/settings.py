"""All settings, read from the environment. The defaults are safe for production.

There are three modes:

- build: no variable is set. Imports and collectstatic work.
- local: WECHAT_GATEWAY_LOCAL=1, which script/server sets. The server listens on loopback only.
- production: everything else.
"""

from __future__ import annotations

import os
import re
import zoneinfo
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

from wechat_gateway import alert_settings, env, log_format
from wechat_gateway.database import database

BASE_DIR = Path(__file__).resolve().parent.parent
LOCAL = env.flag(env.LOCAL_SWITCH)
DEBUG = env.flag("DEBUG")

# gunicorn reads these two itself. They are checked here as well because `manage.py migrate` runs
# first in a release, and reports in one sentence what gunicorn would report in a traceback.
PORT = env.integer("PORT", 8000, lowest=1, highest=65535)
env.integer("WEB_CONCURRENCY", 1, lowest=1, highest=64)

# --- Secrets ---------------------------------------------------------------------------------

SECRET_KEY = env.text("SECRET_KEY")
if SECRET_KEY and len(SECRET_KEY) < 50:
    raise ImproperlyConfigured("SECRET_KEY must have 50 or more characters.")
SECRET_KEY_FALLBACKS = env.comma_separated("SECRET_KEY_FALLBACKS")

# The newest key comes first. It encrypts and seals; all keys decrypt and verify.
TOKEN_ENCRYPTION_KEYS = env.comma_separated("TOKEN_ENCRYPTION_KEYS")
if any(len(key) < 32 for key in TOKEN_ENCRYPTION_KEYS):
    raise ImproperlyConfigured(
        "TOKEN_ENCRYPTION_KEYS must hold keys of 32 or more characters each."
    )

# --- Addresses -------------------------------------------------------------------------------

HOST = r"([A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\])"

PUBLIC_URL = env.text("PUBLIC_URL").rstrip("/")
if PUBLIC_URL and not re.fullmatch(rf"https?://{HOST}(:[0-9]+)?", PUBLIC_URL):
    raise ImproperlyConfigured("PUBLIC_URL must look like https://wx.example.cn, without a path.")

ALLOWED_HOSTS = env.comma_separated("ALLOWED_HOSTS")
if LOCAL and not ALLOWED_HOSTS:
    ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]"]
if not all(re.fullmatch(rf"\*|{HOST}", host) for host in ALLOWED_HOSTS):
    raise ImproperlyConfigured(
        "ALLOWED_HOSTS must hold names such as wx.example.cn, without https:// and without a port."
    )
if PUBLIC_URL:
    ALLOWED_HOSTS.append(str(urlsplit(PUBLIC_URL).hostname))

CSRF_TRUSTED_ORIGINS = env.comma_separated("CSRF_TRUSTED_ORIGINS")
ORIGIN = rf"https?://(\*\.)?{HOST}(:[0-9]+)?"
if not all(re.fullmatch(ORIGIN, origin) for origin in CSRF_TRUSTED_ORIGINS):
    raise ImproperlyConfigured(
        "CSRF_TRUSTED_ORIGINS must hold origins such as https://wx.example.cn."
    )

# The number of proxies in front of the server that append to X-Forwarded-For. Heroku's router is
# one.
TRUSTED_PROXY_COUNT = env.integer(
    "TRUSTED_PROXY_COUNT", 1 if "DYNO" in os.environ else 0, lowest=0, highest=9
)
if TRUSTED_PROXY_COUNT:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# --- Application -----------------------------------------------------------------------------

INSTALLED_APPS = [
    "verification.apps.GatewayAdminConfig",  # Django's admin with the gateway's AdminSite
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "axes",
    "django_otp",
    "verification",
]

MIDDLEWARE = [
    # First, so that a callback gets no redirect, no Host check, no cookie and no CSRF check.
    "verification.callbacks.middleware.CallbackMiddleware",
    # Second, so that every page has a policy, whichever middleware below it responds.
    "csp.middleware.CSPMiddleware",
    "wechat_gateway.middleware.BrowserHeadersMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "verification.auth.sessions.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django_otp.middleware.OTPMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    # Last, because it replaces the response of the sign-in view.
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "wechat_gateway.urls"
ASGI_APPLICATION = "wechat_gateway.asgi.application"
WSGI_APPLICATION = "wechat_gateway.wsgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]

AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]

# --- Database --------------------------------------------------------------------------------

# In lower case, so that it is not a setting: it holds the password, and DEBUG pages list settings.
database_url = env.text("DATABASE_URL", f"sqlite:///{BASE_DIR / 'db.sqlite3'}" if LOCAL else "")
DATABASES = {"default": database(database_url)} if database_url else {}

# --- Language and time -----------------------------------------------------------------------

LANGUAGES = [("en", _("English")), ("zh-hans", _("Simplified Chinese"))]
LANGUAGE_CODE = env.choice("LANGUAGE_CODE", "en", ["en", "zh-hans"])
# Listed here so that these translations take precedence over Django's own.
LOCALE_PATHS = [BASE_DIR / "verification" / "locale"]
USE_TZ = True
TIME_ZONE = env.text("TIME_ZONE", "Asia/Shanghai")
if TIME_ZONE not in zoneinfo.available_timezones():
    raise ImproperlyConfigured("TIME_ZONE must be a name such as Asia/Shanghai or UTC.")

# --- Static files ----------------------------------------------------------------------------

STATIC_URL = "static/"
STATIC_ROOT = None if LOCAL else BASE_DIR / "staticfiles"
WHITENOISE_USE_FINDERS = LOCAL
WHITENOISE_ALLOW_ALL_ORIGINS = False  # no other site's page uses the static files
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if LOCAL
        else "whitenoise.storage.CompressedManifestStaticFilesStorage",
    },
}

# --- Browser security (callbacks set their own headers) --------------------------------------

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF],
        "connect-src": [SELF],
        "base-uri": [NONE],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
    }
}
SECURE_SSL_REDIRECT = not LOCAL
LANGUAGE_COOKIE_SECURE, LANGUAGE_COOKIE_HTTPONLY = not LOCAL, True
LANGUAGE_COOKIE_AGE = 365 * 24 * 3600
LANGUAGE_COOKIE_SAMESITE = "Lax"
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]  # a platform's health checks use plain http
SECURE_HSTS_SECONDS = 0 if LOCAL else 365 * 24 * 3600
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = not LOCAL
X_FRAME_OPTIONS = "DENY"

# --- Signing in ------------------------------------------------------------------------------

SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = not LOCAL
CSRF_COOKIE_HTTPONLY = True  # forms carry the token, so no script needs to read the cookie
if not LOCAL:
    # Browsers accept a __Host- cookie only over https, from this host and for all its paths.
    SESSION_COOKIE_NAME = "__Host-sessionid"
    CSRF_COOKIE_NAME = "__Host-csrftoken"
    LANGUAGE_COOKIE_NAME = "__Host-language"
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"  # no fourth cookie
SESSION_COOKIE_AGE = 30 * 60  # since the last page: see verification/auth/sessions.py

ADMIN_REQUIRE_TOTP = env.flag("ADMIN_REQUIRE_TOTP")

AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",  # first, to refuse before a password is checked
    "django.contrib.auth.backends.ModelBackend",
]
# Lock the pair of user and address. An address alone may be a whole office, and anyone could lock
# out a user by name alone.
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(minutes=15)
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_RESET_ON_SUCCESS = True
AXES_CLIENT_IP_CALLABLE = "verification.change_log.client_ip"
AXES_LOCKOUT_CALLABLE = "verification.views.locked_out"
AXES_SENSITIVE_PARAMETERS = ["username", "ip_address", "csrfmiddlewaretoken"]
# Sign-ins are recorded in the change log, which cannot be edited.
AXES_DISABLE_ACCESS_LOG = True
AXES_ENABLE_ADMIN = AXES_VERBOSE = False

# --- Alerts, which manage.py watch sends -----------------------------------------------------

ALERT_EVERY = alert_settings.check_interval()
ALERT_REFUSALS, ALERT_MINUTES = alert_settings.refusal_threshold()
ALERT_MESSAGES_PER_HOUR = alert_settings.messages_per_hour()
ALERT_LANGUAGE = env.choice("ALERT_LANGUAGE", LANGUAGE_CODE, [code for code, _name in LANGUAGES])
# Anyone who knows this address can write to the group. DEBUG pages hide it because its name
# contains SECRET.
ALERT_WECOM_SECRET_URL = alert_settings.wecom_webhook(is_local=LOCAL)
ALERT_EMAIL_TO = alert_settings.email_addresses("ALERT_EMAIL_TO")
globals().update(alert_settings.mail_settings(ALERT_EMAIL_TO))  # sets Django's EMAIL_…

# --- Logs: JSON lines on stdout --------------------------------------------------------------

# For DEBUG pages, and for error mails if you add a handler that sends them.
DEFAULT_EXCEPTION_REPORTER_FILTER = "wechat_gateway.error_reporting.WithoutValues"
LOG_LEVEL = env.choice("LOG_LEVEL", "INFO", ["DEBUG", "INFO", "WARNING", "ERROR"])
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "json": log_format.FORMATTER,
        "line": {"format": "%(message)s"},
    },
    "handlers": {
        "json": {
            "class": "logging.StreamHandler",
            "stream": "ext://sys.stdout",
            "formatter": "json",
        },
        "attempts": {
            "class": "logging.StreamHandler",
            "stream": "ext://sys.stdout",
            "formatter": "line",
        },
    },
    "root": {"handlers": ["json"], "level": LOG_LEVEL},
    "loggers": {
        "django": {"handlers": [], "level": LOG_LEVEL, "propagate": True},
        # Refused callbacks are logged by verification.attempts.
        "django.request": {"level": "ERROR"},
        # At DEBUG, it logs statements with their values, signatures among them.
        "django.db.backends": {"level": "INFO"},
        # At DEBUG, it logs the whole context of a page for each name that is missing in it.
        "django.template": {"level": "INFO"},
        # A scanner's made-up Host header needs no traceback.
        "django.security.DisallowedHost": {"level": "CRITICAL"},
        # Its lines name no user; the change log has each sign-in and each failure.
        "axes": {"level": "CRITICAL"},
        # An independent copy of the audit log. Its lines are JSON already, and are written at
        # every LOG_LEVEL.
        "verification.attempts": {"handlers": ["attempts"], "level": "INFO", "propagate": False},
        # runserver's lines hold the query string, and with it the signature.
        "django.server": {"handlers": [], "level": "CRITICAL", "propagate": False},
    },
}
