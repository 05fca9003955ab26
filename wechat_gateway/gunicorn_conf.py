"""gunicorn's settings: gunicorn -c python:wechat_gateway.gunicorn_conf wechat_gateway.asgi"""

from __future__ import annotations

import os
import sys
import threading
from typing import Any

import wechat_gateway
from wechat_gateway import env, log_format

with env.exit_if_misconfigured():
    env.load()
    env.require()
    from wechat_gateway import settings  # reports all problems before a worker starts

bind = f"{settings.BIND}:{settings.PORT}"
workers = settings.WEB_CONCURRENCY
worker_class = "wechat_gateway.worker.GatewayWorker"
timeout = 30
graceful_timeout = 20  # Heroku kills a process after 30 s
keepalive = 95  # Heroku's router keeps idle connections for 90 s
control_socket_disable = True
# Workers touch a heartbeat file here, which must not wait for a slow disk.
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: S108
# The lines of gunicorn and uvicorn are JSON like all others. They go to standard error, whatever
# --error-logfile and --log-syslog say.
logconfig_dict = {
    "formatters": {"json": log_format.FORMATTER},
    "handlers": {
        "json": {
            "class": "wechat_gateway.log_writer.QueuedHandler",
            "stream": "stderr",
            "formatter": "json",
        },
    },
    "root": {"handlers": []},
    "loggers": {"gunicorn.error": {"handlers": ["json"], "propagate": False}},
}
# Heroku sets --access-logfile, and gunicorn's default format would print the signature.
access_log_format = 'method=%(m)s path="%(U)s" status=%(s)s ms=%(M)s'


def post_fork(_server: Any, _worker: Any) -> None:
    """Unload the modules that this file has read, so that a worker starts with the newest code.

    After SIGHUP it would otherwise mix old settings with new code. The writer of log lines is kept,
    because gunicorn's loggers hold it.
    """
    kept = {"wechat_gateway", __name__, log_format.__name__, "wechat_gateway.log_writer"}
    for name in {*sys.modules} - kept:
        package, _dot, module = name.partition(".")
        if package in {"wechat_gateway", "verification"}:
            del sys.modules[name]
        if package == "wechat_gateway":
            delattr(wechat_gateway, module)


def post_worker_init(worker: Any) -> None:
    """Let the first worker log what is missing, in a thread that cannot delay serving."""
    if worker.age == 1:
        from verification.checks import log_at_start  # the worker has loaded Django

        threading.Thread(target=log_at_start, daemon=True, name="checks").start()
