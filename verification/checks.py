"""Django's system checks of a deployment: manage.py check --deploy --database default.

The server logs what is missing when it starts, too.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.storage import staticfiles_storage
from django.core import checks
from django.core.checks import CheckMessage, Tags, register
from django.utils import translation
from django.utils.translation import gettext as _

from verification.callbacks.readiness import find_problem, log_readiness

logger = logging.getLogger(__name__)


def log_at_start() -> None:
    """Log what /readyz answers now, and why pages cannot be opened, if they cannot."""
    log_readiness()
    with translation.override("en"):  # as all lines of the log
        for message in check_proxies():
            logger.warning("%s %s", message.msg, message.hint)


@register(Tags.security, deploy=True)
def check_proxies(**_options: Any) -> list[CheckMessage]:
    if settings.TRUSTED_PROXY_COUNT or not settings.SECURE_SSL_REDIRECT:
        return []
    return [
        checks.Warning(
            _("TRUSTED_PROXY_COUNT is 0, so behind an https proxy no page opens."),
            hint=_("Set it to the number of proxies in front of the server, usually 1."),
            id="verification.W001",
        )
    ]


@register(Tags.staticfiles, deploy=True)
def check_static_files(**_options: Any) -> list[CheckMessage]:
    storage: Any = staticfiles_storage  # a lazy object, whose type does not know is_current()
    if storage.is_current():
        return []
    return [
        checks.Info(
            _("The static files are not collected, so they are served uncompressed."),
            hint=_("Run manage.py collectstatic --noinput after each upgrade."),
            id="verification.I001",
        )
    ]


@register(Tags.database, deploy=True)
def check_database(databases: Sequence[str] | None = None, **_options: Any) -> list[CheckMessage]:
    problem = find_problem() if databases else None
    return [checks.Error(problem, id="verification.E001")] if problem else []
