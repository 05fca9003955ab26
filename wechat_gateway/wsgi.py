"""The WSGI application, for servers without ASGI. The Procfile uses asgi.py."""

from __future__ import annotations

import os

from wechat_gateway import env

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "wechat_gateway.settings")

with env.exit_if_misconfigured():
    env.load()
    env.require()
    from django.core.wsgi import get_wsgi_application

    application = get_wsgi_application()
