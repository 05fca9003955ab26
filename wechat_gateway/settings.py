"""All settings, read from the environment. The defaults are safe for production.

What is missing or malformed is collected, and raised at the end as one ImproperlyConfigured.

There are three modes:

- build: no variable is set. Imports and collectstatic work.
- local: WECHAT_GATEWAY_LOCAL=1, which script/server sets. The server listens on loopback only.
- production: everything else.
"""

from __future__ import annotations

import os
import warnings
import zoneinfo
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

from csp.constants import NONE, SELF
from django.utils.translation import gettext_lazy

from wechat_gateway import addresses, alert_settings, env, log_settings, operator_settings
from wechat_gateway.database import database
from wechat_gateway.env import _

BASE_DIR = Path(__file__).resolve().parent.parent
YEAR = 365 * 24 * 3600
LOCAL = env.flag(env.LOCAL_SWITCH)
DEBUG = env.flag("DEBUG")

# What the web process listens on, and its number of workers: see gunicorn_conf.py. Heroku's router
# connects to a dyno over IPv4.
BIND = env.text("BIND", "127.0.0.1" if LOCAL else "0.0.0.0")  # noqa: S104
PORT = env.integer("PORT", 8000, lowest=1, highest=65535)
WEB_CONCURRENCY = env.integer("WEB_CONCURRENCY", 1, lowest=1, highest=64)

# --- Secrets ---------------------------------------------------------------------------------

SECRET_KEY = env.text("SECRET_KEY")
if SECRET_KEY and len(SECRET_KEY) < 50:
    env.report(_("SECRET_KEY must have 50 or more characters."))
SECRET_KEY_FALLBACKS = env.comma_separated("SECRET_KEY_FALLBACKS")

# The newest key comes first. It encrypts and seals; all keys decrypt and verify.
TOKEN_ENCRYPTION_KEYS = env.comma_separated("TOKEN_ENCRYPTION_KEYS")
if any(len(key) < 32 for key in TOKEN_ENCRYPTION_KEYS):
    env.report(_("TOKEN_ENCRYPTION_KEYS must hold keys of 32 or more characters each."))

# --- Addresses -------------------------------------------------------------------------------

if not addresses.is_ip_address(BIND):
    env.report(_("BIND must be an address such as 127.0.0.1 or [::1]; PORT sets the port."))
elif LOCAL and not addresses.is_loopback(BIND):
    env.report(
        _(
            "BIND must be a loopback address such as 127.0.0.1 with WECHAT_GATEWAY_LOCAL=1, "
            "which switches https off."
        )
    )

PUBLIC_URL = env.text("PUBLIC_URL").rstrip("/")
if PUBLIC_URL and not addresses.is_origin(PUBLIC_URL):
    env.report(_("PUBLIC_URL must look like https://wx.example.cn, without a path."))
    PUBLIC_URL = ""

ALLOWED_HOSTS = addresses.allowed_hosts(is_local=LOCAL)
CSRF_TRUSTED_ORIGINS = env.comma_separated("CSRF_TRUSTED_ORIGINS")
if PUBLIC_URL:
    ALLOWED_HOSTS.append(str(urlsplit(PUBLIC_URL).hostname))
    CSRF_TRUSTED_ORIGINS.append(PUBLIC_URL)  # a proxy may drop the port from Host
if not all(addresses.is_origin(origin.replace("://*.", "://")) for origin in CSRF_TRUSTED_ORIGINS):
    env.report(_("CSRF_TRUSTED_ORIGINS must hold origins such as https://wx.example.cn."))

# The number of proxies in front of the server that append to X-Forwarded-For. Heroku's router is
# one. Without any, X-Forwarded-Proto is not believed either: see HttpsRedirectMiddleware.
TRUSTED_PROXY_COUNT = env.integer(
    "TRUSTED_PROXY_COUNT", 1 if "DYNO" in os.environ else 0, lowest=0, highest=9
)
if TRUSTED_PROXY_COUNT:
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")

# The addresses of backends that may be private: see verification/relay/addresses.py.
RELAY_PRIVATE_HOSTS = addresses.private_hosts()

# --- Operator --------------------------------------------------------------------------------

# Who operates this server: pages name it, and so do signed papers.
ORGANISATION = operator_settings.organisation()
CONTACT = operator_settings.contact()

# --- Application -----------------------------------------------------------------------------

INSTALLED_APPS = [
    "verification.apps.GatewayAdminConfig",  # Django's admin with the gateway's AdminSite
    "verification",  # before Django's auth, two of whose commands it extends
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "axes",
    "django_otp",
]

MIDDLEWARE = [
    # First, so that a callback gets no redirect, no Host check, no cookie and no CSRF check.
    "verification.callbacks.middleware.CallbackMiddleware",
    # Second, so that a probe is answered whatever Host it sends, and over http.
    "verification.probes.ProbeMiddleware",
    # Third, so that every page has a policy, whichever middleware below it responds.
    "csp.middleware.CSPMiddleware",
    "wechat_gateway.middleware.BrowserHeadersMiddleware",
    # Before SecurityMiddleware, whose redirects to https it replaces if they would not end.
    "wechat_gateway.https_redirect.HttpsRedirectMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    # After WhiteNoise, whose files are compressed already.
    "wechat_gateway.middleware.PageCompressionMiddleware",
    "verification.auth.sessions.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "wechat_gateway.middleware.NulMiddleware",
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
                "verification.context_processors.operator",
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
database_url = env.text("DATABASE_URL") or (BASE_DIR / "db.sqlite3" if LOCAL else "")
DATABASES = {"default": database(database_url, TOKEN_ENCRYPTION_KEYS)} if database_url else {}

# --- Language and time -----------------------------------------------------------------------

LANGUAGES = [("en", gettext_lazy("English")), ("zh-hans", gettext_lazy("Simplified Chinese"))]
LANGUAGE_CODE = env.choice("LANGUAGE_CODE", "en", ["en", "zh-hans"])
# Listed here so that these translations take precedence over Django's own.
LOCALE_PATHS = [BASE_DIR / "verification" / "locale"]
USE_TZ = True
TIME_ZONE = env.text("TIME_ZONE", "Asia/Shanghai")
if TIME_ZONE not in zoneinfo.available_timezones():
    env.report(_("TIME_ZONE must be a name such as Asia/Shanghai or UTC."))

# --- Static files ----------------------------------------------------------------------------

STATIC_URL = "static/"
STATIC_ROOT = BASE_DIR / "staticfiles"
# Pages work before collectstatic has run: the originals are served, too.
WHITENOISE_USE_FINDERS = True
WHITENOISE_ALLOW_ALL_ORIGINS = False  # no other site's page uses the static files
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "wechat_gateway.static_files.CollectedOrOriginalStorage"},
}
# WhiteNoise warns if STATIC_ROOT does not exist. `check --deploy` says it in a sentence.
warnings.filterwarnings("ignore", "No directory at: ")
# Django warns that it reads WhiteNoise's files into memory as a whole; they are small enough.
warnings.filterwarnings("ignore", "StreamingHttpResponse must consume synchronous iterators")

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
LANGUAGE_COOKIE_AGE = YEAR
LANGUAGE_COOKIE_SAMESITE = "Lax"
# The page that HttpsRedirectMiddleware shows has a style sheet, too.
SECURE_REDIRECT_EXEMPT = [r"^static/"]
# An hour by default: a longer time cannot be taken back, and subdomains may not have https.
SECURE_HSTS_SECONDS = env.integer("HSTS_SECONDS", 3600, lowest=0, highest=2 * YEAR)
SECURE_HSTS_INCLUDE_SUBDOMAINS = env.flag("HSTS_INCLUDE_SUBDOMAINS")
SECURE_HSTS_PRELOAD = env.flag("HSTS_PRELOAD")
if SECURE_HSTS_PRELOAD and not (SECURE_HSTS_INCLUDE_SUBDOMAINS and SECURE_HSTS_SECONDS >= YEAR):
    env.report(
        _(
            "HSTS_PRELOAD must not be 1 without HSTS_INCLUDE_SUBDOMAINS=1 and HSTS_SECONDS of "
            "31536000 or more: browsers accept no other site into their lists."
        )
    )
SILENCED_SYSTEM_CHECKS = [
    *("security.W005", "security.W021"),  # subdomains and preloading are the operator's choice
]
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

LOGIN_REDIRECT_URL = "admin:index"  # where a sign-in leads whose `next` is another host's

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
AXES_CLIENT_IP_CALLABLE = "verification.auth.sign_ins.lockout_address"
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
ALERT_EMAIL_FROM, ALERT_EMAIL_SERVER = alert_settings.mail_settings(ALERT_EMAIL_TO)

METRICS_KEY = env.text("METRICS_KEY")
if METRICS_KEY and len(METRICS_KEY) < 32:
    env.report(_("METRICS_KEY must have 32 or more characters."))

# --- Logs: JSON lines on stdout --------------------------------------------------------------

# For DEBUG pages, and for error mails if you add a handler that sends them.
DEFAULT_EXCEPTION_REPORTER_FILTER = "wechat_gateway.error_reporting.WithoutValues"
LOG_LEVEL = env.choice("LOG_LEVEL", "INFO", ["DEBUG", "INFO", "WARNING", "ERROR"])
LOGGING = log_settings.logging_configuration(LOG_LEVEL)

env.raise_problems()
