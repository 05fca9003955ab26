"""Pages for people. Callbacks never get here: CallbackMiddleware answers them first."""

from __future__ import annotations

from django.contrib import admin
from django.urls import path

from verification import views

urlpatterns = [
    path("", views.landing_page, name="landing_page"),
    path("healthz", views.healthz, name="healthz"),
    path("readyz", views.readyz, name="readyz"),
    path("admin/", admin.site.urls),
]
