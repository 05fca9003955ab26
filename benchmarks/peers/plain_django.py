"""The callback as a plain Django view, with the middleware of startproject, one get, one create."""

from __future__ import annotations

import hashlib
import os

import dj_database_url
from django.conf import settings

settings.configure(
    SECRET_KEY=os.environ["SECRET_KEY"],
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    USE_TZ=True,
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "django.contrib.messages",
    ],
    MIDDLEWARE=[
        "django.middleware.security.SecurityMiddleware",
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
        "django.middleware.clickjacking.XFrameOptionsMiddleware",
    ],
    # Without conn_max_age, every request would open a new connection.
    DATABASES={"default": dj_database_url.parse(os.environ["DATABASE_URL"], conn_max_age=600)},
)

from django.core.wsgi import get_wsgi_application  # noqa: E402 - reads the settings

application = get_wsgi_application()

from django.db import models  # noqa: E402 - models need the app registry
from django.http import HttpRequest, HttpResponse  # noqa: E402
from django.shortcuts import get_object_or_404  # noqa: E402
from django.urls import path  # noqa: E402
from django.utils import timezone  # noqa: E402


class Account(models.Model):
    slug = models.TextField(unique=True)
    token = models.TextField()

    class Meta:
        app_label = "plain_django"
        managed = False
        db_table = "account"

    def __str__(self) -> str:
        return self.slug


class Attempt(models.Model):
    objects: models.Manager[Attempt]

    recorded_at = models.DateTimeField()
    account = models.TextField()
    is_accepted = models.BooleanField()
    signature = models.TextField()
    timestamp = models.TextField()
    nonce = models.TextField()
    echostr = models.TextField()
    client_ip = models.GenericIPAddressField()

    class Meta:
        app_label = "plain_django"
        managed = False
        db_table = "attempt"

    def __str__(self) -> str:
        return f"{self.pk}"


def callback(request: HttpRequest, slug: str) -> HttpResponse:
    account = get_object_or_404(Account, slug=slug)
    sent = {name: request.GET[name] for name in ("signature", "timestamp", "nonce", "echostr")}
    joined = "".join(sorted([account.token, sent["timestamp"], sent["nonce"]]))
    signature = hashlib.sha1(joined.encode(), usedforsecurity=False).hexdigest()
    is_accepted = signature == sent["signature"]
    Attempt.objects.create(
        recorded_at=timezone.now(),
        account=account.slug,
        is_accepted=is_accepted,
        client_ip=request.META["REMOTE_ADDR"],
        **sent,
    )
    if not is_accepted:
        return HttpResponse("bad token", status=403)
    return HttpResponse(sent["echostr"], content_type="text/plain")


urlpatterns = [path("wechat/<slug:slug>", callback)]
