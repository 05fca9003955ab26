"""The URLs of pages for people.

Callbacks and probes are answered by the first two middlewares, before routing.
"""

from __future__ import annotations

from django.contrib import admin
from django.urls import path
from django.views.i18n import set_language

from verification import views

urlpatterns = [
    path("", views.landing_page, name="landing_page"),
    path("language", set_language, name="set_language"),
    path("admin/", admin.site.urls),
]
