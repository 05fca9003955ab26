"""The ASGI application that gunicorn serves.

`CallbackEndpoint` answers callbacks and passes everything else on to Django. `ReadinessEndpoint`
answers /readyz while its last answer is fresh.
"""

from __future__ import annotations

import os

from wechat_gateway import env

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "wechat_gateway.settings")

with env.exit_if_misconfigured():
    env.load()
    env.require()
    from django.core.asgi import get_asgi_application

    django = get_asgi_application()  # before the imports below: models need the app registry
    from verification.callbacks.asgi import CallbackEndpoint
    from verification.probes import ReadinessEndpoint

    application = CallbackEndpoint(ReadinessEndpoint(django))
