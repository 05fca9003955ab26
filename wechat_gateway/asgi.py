"""The ASGI application that gunicorn serves.

`CallbackEndpoint` answers callbacks and passes everything else on to Django.
"""

from __future__ import annotations

import os
import warnings

from wechat_gateway import env

# Django warns that it reads whitenoise's files into memory as a whole; they are small enough.
warnings.filterwarnings("ignore", "StreamingHttpResponse must consume synchronous iterators")

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "wechat_gateway.settings")

with env.exit_if_misconfigured():
    env.load_file()
    env.require()
    from django.core.asgi import get_asgi_application

    django = get_asgi_application()  # before the import below: models need the app registry
    from verification.callbacks.asgi import CallbackEndpoint

    application = CallbackEndpoint(django)
