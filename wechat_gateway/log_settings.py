"""Configures the log: JSON lines on standard output."""

from __future__ import annotations

from typing import Any

from wechat_gateway import log_format


def logging_configuration(level: str) -> dict[str, Any]:
    """Return Django's LOGGING. The lines of attempts and alerts are written at every level."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "json": log_format.FORMATTER,
            "line": {"format": "%(message)s"},
        },
        "handlers": {
            "json": {
                "class": "wechat_gateway.log_writer.QueuedHandler",
                "stream": "stdout",
                "formatter": "json",
            },
            "attempts": {
                "class": "wechat_gateway.log_writer.QueuedHandler",
                "stream": "stdout",
                "formatter": "line",
            },
        },
        "root": {"handlers": ["json"], "level": level},
        "loggers": {
            "django": {"handlers": [], "level": level, "propagate": True},
            # Refused callbacks are logged by verification.attempts.
            "django.request": {"level": "ERROR"},
            # At DEBUG, it logs statements with their values, signatures among them.
            "django.db.backends": {"level": "INFO"},
            # At DEBUG, it logs the whole context of a page for each name that is missing in it.
            "django.template": {"level": "INFO"},
            # A scanner's made-up Host header needs no traceback.
            "django.security.DisallowedHost": {"level": "CRITICAL"},
            # Its lines name no user; the change log has each sign-in and each failure.
            "axes": {"level": "CRITICAL"},
            # An independent copy of the audit log. Its lines are JSON already, and are written at
            # every LOG_LEVEL.
            "verification.attempts": {
                "handlers": ["attempts"],
                "level": "INFO",
                "propagate": False,
            },
            # runserver's lines hold the query string, and with it the signature.
            "django.server": {"handlers": [], "level": "CRITICAL", "propagate": False},
        },
    }
