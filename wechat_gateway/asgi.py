"""What gunicorn serves: callbacks through the lean endpoint, everything else through Django."""

from __future__ import annotations

import os
import warnings

from wechat_gateway import env

# whitenoise's files are small enough to be read at once, which is all that this is about.
warnings.filterwarnings("ignore", "StreamingHttpResponse must consume synchronous iterators")

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "wechat_gateway.settings")

with env.one_sentence_on_misconfiguration():
    env.load_file()
    env.require()
    from django.core.asgi import get_asgi_application

    django = get_asgi_application()  # before our own imports: models need the app registry
    from verification.callbacks.asgi import CallbackEndpoint

    application = CallbackEndpoint(django)
