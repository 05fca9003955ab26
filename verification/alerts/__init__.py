"""Alerts: `manage.py watch` sends them. Alerting never runs in the request path."""

from __future__ import annotations
